"""The TrainJob of a training on several nodes, against Kubeflow's models and Kubernetes' schemas."""

import json
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from kubeflow_trainer_api import models

from components.steps import TRAIN
from components.training.trainjob import Job, train_job
from pipelines.cluster import Cluster
from pipelines.retrain import retrain_pipeline
from pipelines.runners import cluster_runner
from pipelines.settings import load_settings
from tests.components.training.trainjob_schema import TRAIN_JOB

CLUSTER = Cluster.model_validate(
    {
        "registry": "registry.example/team",
        "accelerator": "amd.com/gpu",
        "pull_secrets": ["registry"],
        "tolerations": [{"key": "gpu", "effect": "NoSchedule"}],
        "node_selector": {"pool": "big"},
        "secrets": [
            {"name": "hub", "env": {"token": "HF_TOKEN"}},
            {"name": "no", "env": {"k": "V"}, "steps": ["gate"]},
        ],
        "cache": "kept",
        "steps": {"train": {"gpu": 8, "memory": "200Gi", "cpu": "16"}},
        "nodes": {"count": 3, "processes": 8, "workspace": "shared", "hours": 2, "runtime": "torch-distributed"},
    }
)


@pytest.fixture
def job() -> Job:
    asked = cluster_runner(CLUSTER).train_job()
    assert asked is not None
    return asked


def test_the_object_holds_what_the_cluster_file_says(job: Job) -> None:
    spec = train_job(job, "withanyone-train-1", ["a", "b"], "/w/cache")["spec"]
    trainer = spec["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (3, 8)
    assert trainer["image"] == f"registry.example/team/{TRAIN.image}"
    assert trainer["resourcesPerNode"]["limits"] == {"cpu": "16", "memory": "200Gi", "amd.com/gpu": "8"}
    assert [one["name"] for one in trainer["env"]] == ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "HF_TOKEN"]
    assert spec["activeDeadlineSeconds"] == 7200
    jobs = spec["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = jobs[0]["template"]["spec"]["template"]["spec"]
    assert 60 < int(trainer["env"][0]["value"]) < pod["terminationGracePeriodSeconds"]
    claims = {one["name"]: one.get("persistentVolumeClaim", {}).get("claimName") for one in pod["volumes"]}
    assert claims == {"workspace": "shared", "cache": "kept", "scratch": None, "work": None, "shared": None}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (pod["nodeSelector"], pod["imagePullSecrets"]) == ({"pool": "big"}, [{"name": "registry"}])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]


def test_without_a_claim_for_a_cache_the_nodes_keep_unfinished_work_on_their_workspace(job: Job) -> None:
    made = train_job(job.model_copy(update={"cache": None}), "withanyone-train-1", [], "/w/cache")
    assert {"name": "WITHANYONE_CACHE", "value": "/w/cache"} in made["spec"]["trainer"]["env"]
    assert {one["name"] for one in pod_of(made)["spec"]["volumes"]} == {"workspace", "scratch", "work", "shared"}


@pytest.mark.parametrize(
    "change", [{}, {"gpu": 0, "cache": None, "secrets": {}, "tolerations": (), "pull_secrets": ()}]
)
def test_the_object_obeys_its_crd_and_is_read_without_loss_by_kubeflows_own_models(
    job: Job, change: dict[str, Any]
) -> None:
    made = train_job(job.model_copy(update=change), "withanyone-train-1", ["/w/dataset", "{}"], "/w/cache")
    jsonschema.validate(made, TRAIN_JOB)
    read = models.TrainerV1alpha1TrainJob.from_dict(made)
    assert read is not None
    assert json.loads(read.to_json()) == made  # a field that the models do not know would be gone
    kubernetes_validate.validate(pod_of(made), "1.37", strict=True)


def test_a_field_that_is_not_of_the_kind_would_be_found(job: Job) -> None:
    made = train_job(job, "withanyone-train-1", [], "/w/cache")
    made["spec"]["trainer"]["nodes"] = 3
    read = models.TrainerV1alpha1TrainJob.from_dict(made)
    assert read is not None
    assert json.loads(read.to_json()) != made
    with pytest.raises(jsonschema.ValidationError, match="'nodes' was unexpected"):
        jsonschema.validate(made, TRAIN_JOB)
    pod = pod_of(made)
    pod["spec"]["volume"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, "1.37", strict=True)


def pod_of(made: dict[str, Any]) -> dict[str, Any]:
    """The pod of the nodes as the object that Kubernetes' own schemas describe."""
    jobs = made["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    spec = json.loads(json.dumps(jobs[0]["template"]["spec"]["template"]["spec"]))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node"}, "spec": spec}


def test_the_graph_trains_on_nodes_where_the_cluster_says_so() -> None:
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

    made = retrain_pipeline(load_settings(None), cluster_runner(CLUSTER))
    spec = MessageToDict(made.pipeline_spec)
    task = spec["root"]["dag"]["tasks"]["train-nodes"]
    assert "train" not in spec["root"]["dag"]["tasks"]
    assert set(task["dependentTasks"]) == {"curate", "validate"}
    sent = Job.model_validate_json(task["inputs"]["parameters"]["job"]["runtimeValue"]["constant"])
    assert sent == cluster_runner(CLUSTER).train_job()
    container = spec["deploymentSpec"]["executors"]["exec-train-nodes"]["container"]
    assert "accelerator" not in container["resources"]  # its nodes have them
    pod = MessageToDict(made.platform_spec)["platforms"]["kubernetes"]["deploymentSpec"]["executors"][
        "exec-train-nodes"
    ]
    assert {"shared", "kept"} == {one["constant"] for one in pod["pvcMount"]}
