"""The files for a cluster: IR YAML, and Kubernetes objects checked against the schema of their kinds."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner, Result

from pipelines.cli import app

NAME = {"type": "string", "maxLength": 253, "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}
WORDS = ("codeSourceURL", "description", "displayName", "pipelineName", "pipelineSpecURI")
OBJECT = {"type": "object", "additionalProperties": False, "required": ["apiVersion", "kind", "metadata", "spec"]}
# The kinds' fields as Kubeflow Pipelines 2.17 has them; closed, so that a field that it would drop is found.
SPECS: dict[str, dict[str, Any]] = {
    "Pipeline": {"required": [], "properties": {"displayName": {"type": "string"}, "description": {"type": "string"}}},
    "PipelineVersion": {
        "required": ["pipelineSpec"],
        "properties": {
            **{name: {"type": "string"} for name in WORDS},
            "pipelineSpec": {"type": "object", "required": ["pipelineInfo", "root", "deploymentSpec", "sdkVersion"]},
            "platformSpec": {"type": "object", "required": ["platforms"]},
        },
    },
}


def schema(kind: str) -> dict[str, Any]:
    metadata = {"type": "object", "required": ["name"], "properties": {"name": NAME, "namespace": NAME}}
    return OBJECT | {
        "properties": {
            "apiVersion": {"const": "pipelines.kubeflow.org/v2beta1"},
            "kind": {"const": kind},
            "metadata": metadata | {"additionalProperties": False},
            "spec": {"type": "object", "additionalProperties": False, **SPECS[kind]},
        }
    }


def compiled(out: Path, *arguments: str) -> list[Any]:
    done: Result = CliRunner().invoke(app, ["compile", "--out", str(out), *arguments])
    assert done.exit_code == 0, done.output
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    return list(yaml.safe_load_all(out.read_text()))


def test_compile_writes_a_pipeline_file_with_the_given_settings(tmp_path: Path) -> None:
    graph, platform = compiled(tmp_path / "sub" / "graph.yaml", "--set", "photos.seed=77")
    assert '"seed":77' in graph["root"]["inputDefinitions"]["parameters"]["photos"]["defaultValue"]
    assert set(platform["platforms"]) == {"kubernetes"}


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere.yaml"
    file.write_text("namespace: team-a\n")
    return file


def test_kubernetes_objects_are_of_their_kinds_and_hold_the_same_graph(tmp_path: Path, cluster: Path) -> None:
    arguments = ("--cluster", str(cluster))
    objects = compiled(tmp_path / "sub" / "objects.yaml", "--form", "kubernetes", *arguments)
    assert [item["kind"] for item in objects] == ["Pipeline", "PipelineVersion"]
    for item in objects:
        jsonschema.validate(item, schema(item["kind"]))
        assert item["metadata"]["namespace"] == "team-a"
    assert objects[1]["spec"]["pipelineName"] == objects[0]["metadata"]["name"]
    graph, platform = compiled(tmp_path / "ir" / "graph.yaml", *arguments)
    assert objects[1]["spec"]["pipelineSpec"] == graph
    assert objects[1]["spec"]["platformSpec"] == platform
    read_by_kubeflow(objects[1]["spec"])


def read_by_kubeflow(spec: dict[str, Any]) -> None:
    """Read graph and Kubernetes part by the messages that the server reads them by: an unknown field is an error."""
    from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
    from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

    ParseDict(spec["pipelineSpec"], PipelineSpec())
    ParseDict(spec["platformSpec"], PlatformSpec())
    for executor in platform_of(spec).values():
        ParseDict(executor, KubernetesExecutorConfig())


def test_a_field_that_kubeflow_does_not_know_would_be_found(tmp_path: Path) -> None:
    from google.protobuf.json_format import ParseError

    spec = compiled(tmp_path / "sub" / "objects.yaml", "--form", "kubernetes")[1]["spec"]
    for part in (spec["pipelineSpec"], next(iter(platform_of(spec).values()))):
        part["podd"] = {}
        with pytest.raises(ParseError, match="podd"):
            read_by_kubeflow(spec)
        del part["podd"]
    read_by_kubeflow(spec)


def platform_of(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["platformSpec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"])


def test_another_content_is_another_version_and_the_same_is_the_same(tmp_path: Path) -> None:
    def version(number: int, *arguments: str) -> str:
        return str(
            compiled(tmp_path / str(number) / "o.yaml", "--form", "kubernetes", *arguments)[1]["metadata"]["name"]
        )

    assert version(1) == version(2) != version(3, "--set", "train.seed=8")
