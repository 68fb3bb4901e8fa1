"""The table of settings and runners: each setting of a step is applied by a runner, or named by it as not applied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.steps import GATE, STEPS, Resources, Step
from pipelines.cluster import Cluster
from pipelines.retrain import retrain_pipeline
from pipelines.runners import DOCKER, LOCAL, SETTINGS, Runner, cluster_runner
from pipelines.settings import load_settings

Spec = dict[str, Any]
CLUSTER = cluster_runner(
    Cluster.model_validate(
        {
            "registry": "registry.example/team",
            "pull_policy": "Always",
            "pull_secrets": ["registry"],
            "accelerator": "amd.com/gpu",
            "tolerations": [{"key": "gpu", "effect": "NoSchedule"}],
            "node_selector": {"pool": "big"},
            "backoff": {"first": "7s", "factor": 3, "within": "900s"},
            "hours": 2,
            "secrets": [
                {"name": "hub", "env": {"token": "HF_TOKEN"}, "steps": ["train"]},
                {"name": "all", "env": {"k": "V"}},
            ],
            "volumes": [{"claim": "data", "path": "/in"}],
            "cache": "kept",
            "scratch": "3Gi",
            "steps": {"train": {"gpu": 1, "memory": "64Gi", "cpu": "16", "retries": 9}},
        }
    )
)
RUNNERS = [LOCAL, DOCKER, CLUSTER]
# Settings of a cluster that are not a task's: test_submit.py finds them in what is sent, test_nodes.py in the TrainJob.
OF_A_RUN = {"namespace", "experiment", "service_account", "artefacts", "endpoint", "nodes"}


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Spec, Spec]]:
    """The graph and its Kubernetes part as each runner's pipeline file has them."""
    from kfp.compiler import Compiler

    found = {}
    for runner in RUNNERS:
        file = tmp_path_factory.mktemp(runner.name) / "graph.yaml"
        Compiler().compile(retrain_pipeline(load_settings(None), runner), str(file))
        documents = list(yaml.safe_load_all(file.read_text()))
        found[runner.name] = (documents[0], documents[1] if len(documents) > 1 else {})
    return found


def container(spec: Spec, step: Step) -> Spec:
    label = spec["components"][f"comp-{step.name}"]["executorLabel"]
    return dict(spec["deploymentSpec"]["executors"][label]["container"])


def applied(spec: Spec, step: Step) -> dict[str, object]:
    """The settings of a step as a compiled pipeline has them."""
    resources = container(spec, step).get("resources", {})
    return {
        "retries": spec["root"]["dag"]["tasks"][step.name].get("retryPolicy", {}).get("maxRetryCount", 0),
        "cpu": resources.get("resourceCpuLimit", 0),
        "memory": resources.get("resourceMemoryLimit", 0),
        "gpu": int(resources.get("accelerator", {}).get("resourceCount", 0)),
        "image": container(spec, step)["image"],
    }


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_setting_is_applied_or_named_as_not_applied(
    specs: dict[str, tuple[Spec, Spec]], runner: Runner, setting: str, step: Step
) -> None:
    value = applied(specs[runner.name][0], step)[setting]
    if setting not in runner.applies:
        assert setting in (runner.notice() or "")
        assert not value or setting == "image"  # kfp wants an image even where it starts a plain process
    elif setting == "image":
        registry = runner.cluster.registry if runner.cluster else "localhost"
        assert value == f"{registry}/{step.image}"
    else:
        assert runner.cluster is not None
        assert value == getattr(runner.cluster.needs(step), setting)


def test_every_declared_resource_is_one_of_the_settings() -> None:
    assert set(Resources.__dataclass_fields__) | {"image"} == set(SETTINGS)


CHECKS: dict[str, Callable[[Spec, Spec, Spec, bool], bool]] = {
    # what the file says, as (task, container, Kubernetes part of the task, does the step ask for a GPU) must show it
    "registry": lambda task, box, pod, gpu: box["image"].startswith("registry.example/team/"),
    "pull_policy": lambda task, box, pod, gpu: pod["imagePullPolicy"] == "Always",
    "pull_secrets": lambda task, box, pod, gpu: [one["secretName"] for one in pod["imagePullSecret"]] == ["registry"],
    "accelerator": lambda task, box, pod, gpu: (
        not gpu or box["resources"]["accelerator"]["resourceType"] == "amd.com/gpu"
    ),
    "tolerations": lambda task, box, pod, gpu: (
        pod.get("tolerations") == ([{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}] if gpu else None)
    ),
    "node_selector": lambda task, box, pod, gpu: (
        pod.get("nodeSelector") == ({"labels": {"pool": "big"}} if gpu else None)
    ),
    "backoff": lambda task, box, pod, gpu: (
        {name: value for name, value in task["retryPolicy"].items() if name != "maxRetryCount"}
        == {"backoffDuration": "7s", "backoffFactor": 3.0, "backoffMaxDuration": "900s"}
    ),
    "hours": lambda task, box, pod, gpu: pod["activeDeadlineSeconds"] == "7200",
    "secrets": lambda task, box, pod, gpu: (
        {one["secretName"] for one in pod["secretAsEnv"]}
        == ({"hub", "all"} if task["taskInfo"]["name"] == "train" else {"all"})
    ),
    "volumes": lambda task, box, pod, gpu: ("data", "/in") in _claims(pod),
    "cache": lambda task, box, pod, gpu: ("kept", "/cache") in _claims(pod),
    "scratch": lambda task, box, pod, gpu: (
        {one["mountPath"]: one["sizeLimit"] for one in pod["emptyDirMounts"]} == {"/tmp": "3Gi", "/work": "3Gi"}
    ),
    "steps": lambda task, box, pod, gpu: (
        task["taskInfo"]["name"] != "train" or task["retryPolicy"]["maxRetryCount"] == 9
    ),
}


def _claims(pod: Spec) -> list[tuple[str, str]]:
    return [(one["constant"], one["mountPath"]) for one in pod["pvcMount"]]


def test_every_setting_of_a_cluster_is_in_the_table_or_of_a_run() -> None:
    assert set(CHECKS) | OF_A_RUN == set(Cluster.model_fields)
    assert not set(CHECKS) & OF_A_RUN


@pytest.mark.parametrize("setting", CHECKS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_cluster_applies_what_its_file_says(specs: dict[str, tuple[Spec, Spec]], setting: str, step: Step) -> None:
    spec, platform = specs["cluster"]
    task = spec["root"]["dag"]["tasks"][step.name]
    pod = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{step.name}"]
    assert CLUSTER.cluster is not None
    assert CHECKS[setting](task, container(spec, step), pod, bool(CLUSTER.cluster.needs(step).gpu))


@pytest.mark.parametrize("runner", [LOCAL, DOCKER], ids=lambda runner: runner.name)
def test_other_runners_say_that_they_apply_nothing_of_the_clusters_file(
    specs: dict[str, tuple[Spec, Spec]], runner: Runner
) -> None:
    assert "nor anything that cluster.yaml says" in (runner.notice() or "")
    assert specs[runner.name][1] == {}


def test_no_pod_runs_as_root(specs: dict[str, tuple[Spec, Spec]]) -> None:
    pods = specs["cluster"][1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(pods) == {f"exec-{step.name}" for step in STEPS}
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods.values())


def test_of_a_pods_security_kfp_still_has_user_and_group_alone() -> None:
    """Once this fails, a root file system that is only read can be asked for, too: the README says that it cannot."""
    from kfp.kubernetes.kubernetes_executor_config_pb2 import SecurityContext

    assert set(SecurityContext.DESCRIPTOR.fields_by_name) == {"run_as_user", "run_as_group", "run_as_non_root"}


def test_the_gate_decides_anew_in_every_run_of_a_cluster(specs: dict[str, tuple[Spec, Spec]]) -> None:
    for name, (spec, _) in specs.items():
        tasks = spec["root"]["dag"]["tasks"]
        cached = {step.name for step in STEPS if tasks[step.name]["cachingOptions"].get("enableCache")}
        assert cached == {step.name for step in STEPS} - ({GATE.name} if name == "cluster" else set())


def test_content_from_a_volume_without_a_dvc_hash_is_not_cached(tmp_path: Path) -> None:
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

    settings = load_settings(None, ["photos.folder=/in/photos"])
    tasks = MessageToDict(retrain_pipeline(settings, CLUSTER).pipeline_spec)["root"]["dag"]["tasks"]
    assert not tasks["photos"]["cachingOptions"].get("enableCache")
    assert tasks["curate"]["cachingOptions"]["enableCache"]
