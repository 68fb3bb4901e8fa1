"""The graph, and its mirror in dvc.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.steps import STEPS
from pipelines.cluster import Cluster
from pipelines.commands.step import command_name
from pipelines.retrain import retrain_pipeline, steps_of
from pipelines.runners import DOCKER, LOCAL, cluster_runner
from pipelines.settings import load_settings
from pipelines.sources import ROOT, _reachable_files

Spec = dict[str, Any]
CLUSTER = cluster_runner(Cluster())


@pytest.fixture(scope="module")
def specs() -> dict[str, Spec]:
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

    settings = load_settings(None)
    runners = (LOCAL, DOCKER, CLUSTER)
    return {runner.name: MessageToDict(retrain_pipeline(settings, runner).pipeline_spec) for runner in runners}


def test_the_pipeline_has_the_declared_steps_and_edges(specs: dict[str, Spec]) -> None:
    maker = {step.output: step.name for step in STEPS}
    edges = {(maker[name], step.name) for step in STEPS for name in step.inputs}
    for spec in specs.values():
        tasks = spec["root"]["dag"]["tasks"]
        assert set(tasks) == {step.name for step in STEPS}
        assert {(earlier, name) for name, task in tasks.items() for earlier in task.get("dependentTasks", [])} == edges


def test_photos_are_looked_at_in_shares_where_that_is_set() -> None:
    from google.protobuf.json_format import MessageToDict

    settings = load_settings(None, ["curate.shards=3"])
    assert [step.name for step in steps_of(settings)] == ["photos", "look", *(step.name for step in STEPS[1:])]
    tasks = MessageToDict(retrain_pipeline(settings, CLUSTER).pipeline_spec)["root"]["dag"]["tasks"]
    assert set(tasks) == {"for-loop-2", "curate-shares", *(step.name for step in STEPS)} - {"curate"}
    assert tasks["for-loop-2"]["parameterIterator"]["items"]["raw"] == "[0, 1, 2]"
    assert tasks["for-loop-2"]["dependentTasks"] == ["photos"]
    assert set(tasks["curate-shares"]["dependentTasks"]) == {"photos", "for-loop-2"}


def test_each_step_is_a_parameter_with_its_settings_as_default(specs: dict[str, Spec]) -> None:
    parameters = specs["cluster"]["root"]["inputDefinitions"]["parameters"]
    settings = load_settings(None)
    assert {name: entry["defaultValue"] for name, entry in parameters.items()} == {
        name: values.model_dump_json() for name, values in settings.items()
    }


def test_dvc_mirrors_the_graph() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == [step.name for step in STEPS]
    for step in STEPS:
        stage = stages[step.name]
        options = [f"--{name} data/{name}" for name in step.inputs]
        command = " ".join(["withanyone", command_name(step), *options, f"--out data/{step.output}"])
        assert stage["cmd"].removesuffix(" || test $? -eq 5") == command
        assert [dep for dep in stage["deps"] if dep.startswith("data/")] == [f"data/{name}" for name in step.inputs]
        kept = {"persist": True}  # an earlier dataset lends its shards to the next version
        assert stage["outs"] == [{"data/dataset": kept} if step.name == "curate" else f"data/{step.output}"]
        assert stage["params"] == [step.name]


def test_dvc_watches_the_code_that_each_step_reaches() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for step in STEPS:
        deps = stages[step.name]["deps"]
        reached = _reachable_files(ROOT, ROOT / "components" / step.folder)
        tops = {file.relative_to(ROOT).parts[0] for file in reached} - {"components"}
        assert tops <= set(deps), step.name
        assert f"components/{step.folder}" in deps


def test_params_yaml_is_accepted_and_has_every_section() -> None:
    file = ROOT / "params.yaml"
    load_settings(file)
    assert list(yaml.safe_load(file.read_text())) == [step.name for step in STEPS]


def test_every_component_declares_what_its_step_declares() -> None:
    from importlib import import_module

    for step in STEPS:
        spec = getattr(import_module(f"components.{step.folder}.component"), step.name).component_spec
        assert set(spec.inputs) == {*step.inputs, "config", "version"}
        assert set(spec.outputs) == {step.output}


def test_external_settings_exist(tmp_path: Path) -> None:
    for step in STEPS:
        assert set(step.external) <= set(step.settings().model_fields), step.name
