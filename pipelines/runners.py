"""What each runner does with a task's settings: applied, or named as not applied; none is dropped in silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import BaseModel

from components.steps import GATE, TRAIN, Resources, Step
from components.training.trainjob import WORKSPACE, Job
from pipelines.cluster import Cluster, Nodes, cluster_version
from pipelines.sources import step_version

SETTINGS = (*(one.name for one in fields(Resources)), "image")


@dataclass(frozen=True)
class Runner:
    """A way to run the graph, and the declared settings of a step that it applies."""

    name: str
    applies: frozenset[str]
    cluster: Cluster | None = None  # where tasks get what cluster.yaml says
    images: Mapping[str, str] = field(default_factory=dict)  # ids by name, of a runner whose steps' code is in images

    def notice(self) -> str | None:
        """A sentence that names the settings that this runner does not apply."""
        left = [name for name in SETTINGS if name not in self.applies]
        if not left:
            return None
        return (
            f"The {self.name} runner uses this machine as it is and does not apply the steps' {', '.join(left)}, "
            "nor anything that cluster.yaml says."
        )

    def version(self, step: Step, settings: BaseModel) -> tuple[str, bool]:
        """What keys the cache of `step`, and whether it stands for all that the result depends on."""
        if self.cluster:
            return cluster_version(step, settings, self.cluster)
        return step_version(step, settings, self.images.get(step.image)), True

    def train_job(self) -> Job | None:
        """What the train step asks for where it trains on several nodes, else None."""
        return _job(self.cluster, self.cluster.nodes) if self.cluster and self.cluster.nodes else None


LOCAL = Runner("local", frozenset())
DOCKER = Runner("docker", frozenset({"image"}))


def cluster_runner(cluster: Cluster) -> Runner:
    """The runner of a Kubeflow cluster with these settings."""
    return Runner("cluster", frozenset(SETTINGS), cluster)


def apply_resources(task: Any, step: Step, runner: Runner, cached: bool = True) -> Any:
    """Give a kfp task those of the step's settings that `runner` applies; its result is taken from a cache if `cached`.

    On a cluster the gate always decides anew: its decision is looked for among the run's own artefacts.
    """
    if not runner.cluster:
        task.set_caching_options(enable_caching=cached)
        return task.set_container_image(f"localhost/{step.image}") if "image" in runner.applies else task
    task.set_caching_options(enable_caching=cached and step != GATE)
    return _on_cluster(task, step, runner.cluster)


def _on_cluster(task: Any, step: Step, cluster: Cluster) -> Any:
    needs, wait = cluster.needs(step), cluster.backoff
    if step == TRAIN and cluster.nodes:  # it copies and waits; its nodes have what the step needs
        needs = Resources(needs.retries, cpu="1", memory="2Gi")
    task.set_container_image(f"{cluster.registry}/{step.image}")
    task.set_retry(needs.retries, wait.first, wait.factor, wait.within)
    task.set_cpu_request(needs.cpu).set_cpu_limit(needs.cpu)
    task.set_memory_request(needs.memory).set_memory_limit(needs.memory)
    if needs.gpu:
        task.set_accelerator_type(cluster.accelerator).set_accelerator_limit(needs.gpu)
    return _in_its_pod(task, step, cluster, bool(needs.gpu))


def _in_its_pod(task: Any, step: Step, cluster: Cluster, gpu: bool) -> Any:
    """What only Kubernetes knows: a user that is not root, images, times, secrets, volumes, nodes."""
    from kfp import kubernetes

    kubernetes.set_security_context(task, run_as_user=1000, run_as_group=0, run_as_non_root=True)
    kubernetes.set_image_pull_policy(task, cluster.pull_policy)
    kubernetes.set_timeout(task, round(cluster.hours * 3600))
    if cluster.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.pull_secrets))
    for secret in cluster.secrets:
        if not secret.steps or step.name in secret.steps:
            kubernetes.use_secret_as_env(task, secret.name, dict(secret.env))
    _volumes(task, step, cluster)
    if gpu:
        for taint in cluster.tolerations:
            kubernetes.add_toleration(task, taint.key, taint.operator, taint.value, taint.effect)
        for label, value in cluster.node_selector.items():
            kubernetes.add_node_selector(task, label, value)
    return task


def _volumes(task: Any, step: Step, cluster: Cluster) -> None:
    """The places where a step may write, and what the cluster has for it."""
    from kfp import kubernetes

    claims = {volume.path: volume.claim for volume in cluster.volumes}
    scratch = {"scratch": "/tmp", "work": "/work"}  # noqa: S108  (inside the step's container)
    if step == TRAIN and cluster.nodes:
        claims[WORKSPACE] = cluster.nodes.workspace
    if cluster.cache:
        claims["/cache"] = cluster.cache
    else:
        scratch["cache"] = "/cache"
    for place, claim in claims.items():
        kubernetes.mount_pvc(task, claim, place)
    for name, place in scratch.items():
        kubernetes.empty_dir_mount(task, name, place, size_limit=cluster.scratch)


def _job(cluster: Cluster, nodes: Nodes) -> Job:
    needs = cluster.needs(TRAIN)
    secrets = [one for one in cluster.secrets if not one.steps or TRAIN.name in one.steps]
    return Job(
        image=f"{cluster.registry}/{TRAIN.image}",
        nodes=nodes.count,
        processes=nodes.processes,
        runtime=nodes.runtime,
        workspace=nodes.workspace,
        seconds=round(nodes.hours * 3600),
        cpu=needs.cpu,
        memory=needs.memory,
        gpu=needs.gpu,
        accelerator=cluster.accelerator,
        cache=cluster.cache,
        scratch=cluster.scratch,
        pull_secrets=cluster.pull_secrets,
        secrets={variable: (one.name, key) for one in secrets for key, variable in one.env.items()},
        tolerations=tuple(taint.model_dump(exclude_none=True) for taint in cluster.tolerations if needs.gpu),
        node_selector=cluster.node_selector if needs.gpu else {},
    )
