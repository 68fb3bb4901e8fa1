"""Training on nodes of its own as a Kubeflow TrainJob: what is asked for, and the object that asks for it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

GROUP, VERSION, PLURAL = "trainer.kubeflow.org", "v1alpha1", "trainjobs"
NODE = "node"  # what Kubeflow's own torch runtimes call the job of their nodes and its container
WORKSPACE = "/workspace"  # where step and nodes see the volume that they share
MADE_ROOM = "made-room"  # beside the model that is to be: the nodes were asked to stop, and saved what they had
REFUSED = "refused.json"  # there, too: why the nodes can only fail again, as a sentence
GRACE = 300  # seconds that a node has for its last step and a checkpoint when it is to make room
SHARED = "2Gi"  # memory through which NCCL's processes of a node speak; by itself a container has 64 MB
UNPRIVILEGED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


class Job(BaseModel):
    """What a TrainJob asks of the cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: str = Field(min_length=1, description="image of the train step")
    nodes: int = Field(ge=1, description="nodes")
    processes: int = Field(ge=1, description="processes on each node")
    runtime: str = Field(min_length=1, description="name of the ClusterTrainingRuntime")
    workspace: str = Field(min_length=1, description="claim that all nodes may write")
    seconds: int = Field(ge=1, description="a job that takes longer is ended")
    cpu: str = Field(description="cores of a node")
    memory: str = Field(description="bytes of a node")
    gpu: int = Field(ge=0, description="accelerators of a node")
    accelerator: str = Field(description="resource that counts accelerators")
    cache: str | None = Field(None, description="claim for weights and unfinished work")
    scratch: str = Field("20Gi", description="most that a node may write elsewhere")
    pull_secrets: tuple[str, ...] = Field((), strict=False, description="Secrets for pulling the image")
    secrets: dict[str, tuple[str, str]] = Field({}, strict=False, description="(Secret, key) by environment variable")
    tolerations: tuple[dict[str, str], ...] = Field((), strict=False, description="taints that nodes tolerate")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes")


def train_job(job: Job, name: str, arguments: list[str], unfinished: str) -> dict[str, Any]:
    """The TrainJob `name`, whose processes all run components.training.node with `arguments`.

    Torch's launcher takes its place among the nodes from the variables that the runtime sets. Without a claim for a
    cache the folder `unfinished` of the workspace is it: a checkpoint must outlive its pod and be seen by every node.
    Launcher and pod leave the processes time to write one, of which both by themselves leave 30 seconds.
    """
    kept = [] if job.cache else [{"name": "WITHANYONE_CACHE", "value": unfinished}]
    limits = {"cpu": job.cpu, "memory": job.memory} | ({job.accelerator: str(job.gpu)} if job.gpu else {})
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainJob",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "withanyone"}},
        "spec": {
            "runtimeRef": {"name": job.runtime},
            "activeDeadlineSeconds": job.seconds,
            "trainer": {
                "image": job.image,
                "command": ["torchrun", "-m", "components.training.node"],
                "args": arguments,
                "numNodes": job.nodes,
                "numProcPerNode": job.processes,
                "resourcesPerNode": {"limits": limits, "requests": limits},
                "env": [
                    {"name": "TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "value": str(GRACE - 15)},
                    *kept,
                    *(
                        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
                        for variable, (secret, key) in sorted(job.secrets.items())
                    ),
                ],
            },
            "runtimePatches": [{"manager": "withanyone.dev/train", "trainingRuntimeSpec": _patch(_pod(job))}],
        },
    }


def _patch(pod: dict[str, Any]) -> dict[str, Any]:
    """`pod` laid over the pods of the runtime's nodes."""
    replicated = {"name": NODE, "template": {"spec": {"template": {"spec": pod}}}}
    return {"template": {"spec": {"replicatedJobs": [replicated]}}}


def _pod(job: Job) -> dict[str, Any]:
    """What the nodes' pods have beside the runtime's own: volumes, a user that is not root, where they may run."""
    scratch = {"emptyDir": {"sizeLimit": job.scratch}}
    claims = {"workspace": (WORKSPACE, job.workspace)} | ({"cache": ("/cache", job.cache)} if job.cache else {})
    volumes: dict[str, tuple[str, dict[str, Any]]] = {
        **{name: (place, {"persistentVolumeClaim": {"claimName": claim}}) for name, (place, claim) in claims.items()},
        "scratch": ("/tmp", scratch),  # noqa: S108  (inside the container)
        "work": ("/work", scratch),
        "shared": ("/dev/shm", {"emptyDir": {"medium": "Memory", "sizeLimit": SHARED}}),  # noqa: S108
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 0},
        "terminationGracePeriodSeconds": GRACE,
        "volumes": [{"name": name, **source} for name, (_, source) in volumes.items()],
        "containers": [
            {
                "name": NODE,
                "securityContext": UNPRIVILEGED,
                "volumeMounts": [{"name": name, "mountPath": place} for name, (place, _) in volumes.items()],
            }
        ],
        "imagePullSecrets": [{"name": name} for name in job.pull_secrets],
        "tolerations": [dict(taint) for taint in job.tolerations],
        "nodeSelector": dict(job.node_selector),
    }
    return {name: value for name, value in pod.items() if value}
