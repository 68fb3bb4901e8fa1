"""What a cluster is told beside the steps' own declarations: the file cluster.yaml, checked."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from components.steps import CURATE, GATE, LOOK, STEPS, TRAIN, Resources, Step
from components.training.trainjob import WORKSPACE
from model.settings import Settings
from pipelines.settings import SettingsError, home_of_tombstones, read_yaml, refusal
from pipelines.sources import ROOT, code_version

FILE = "cluster.yaml"
NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"  # of a Kubernetes object
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"  # Kubernetes notation of cores and bytes
SECONDS = r"^[1-9][0-9]*s$"
OWN = ("/tmp", "/work", "/cache", WORKSPACE)  # noqa: S108  (places of the steps' containers)


class StepNeeds(Settings):
    """What one step asks for here, in the place of what it declares; absent: as declared."""

    retries: int | None = Field(None, ge=0, le=20, description="further attempts after a failure")
    cpu: str | None = Field(None, pattern=QUANTITY, description="cores")
    memory: str | None = Field(None, pattern=QUANTITY, description="bytes")
    gpu: int | None = Field(None, ge=0, le=64, description="accelerators")


class Backoff(Settings):
    """How long a failed step waits before its next attempt."""

    first: str = Field("30s", pattern=SECONDS, description="wait before the first retry")
    factor: float = Field(2.0, ge=1, le=10, description="each further wait is so many times the one before")
    within: str = Field("86400s", pattern=SECONDS, description="no attempt starts later than so long after the first")


class Toleration(Settings):
    """A taint of nodes on which the steps may run all the same."""

    key: str = Field(min_length=1, description="key of the taint")
    operator: Literal["Equal", "Exists"] = Field("Exists", description="how key and value are compared")
    value: str | None = Field(None, description="value of the taint, for Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(None, description="absent: every one")


class Secret(Settings):
    """A Kubernetes Secret whose entries steps get as environment variables; what it holds is never read here."""

    name: str = Field(pattern=NAME, description="name of the Secret")
    env: dict[str, str] = Field(min_length=1, description="environment variable by key of the Secret")
    steps: tuple[str, ...] = Field((), strict=False, description="steps that get it; none named: all")

    @field_validator("steps")
    @classmethod
    def _known(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        _check_names(steps)
        return steps


def _check_names(steps: Iterable[str]) -> None:
    known = {step.name for step in (*STEPS, LOOK)}
    for name in steps:
        if name not in known:
            raise ValueError(f"{name!r} is no step; the steps are {', '.join(sorted(known))}")


class Volume(Settings):
    """A PersistentVolumeClaim that every step sees, such as photos or a champion's run."""

    claim: str = Field(pattern=NAME, description="name of the claim")
    path: str = Field(pattern=r"^/.+", description="where the steps see it; settings name paths below")
    dvc: str | None = Field(None, description="the .dvc file here of what the volume holds: its hash keys the cache")


class Nodes(Settings):
    """Training by several processes, as a Kubeflow TrainJob that the train step starts and waits for."""

    count: int = Field(ge=1, le=1024, description="nodes")
    processes: int = Field(1, ge=1, le=64, description="processes on each node, one an accelerator where it has some")
    runtime: str = Field("torch-distributed", pattern=NAME, description="name of the ClusterTrainingRuntime")
    workspace: str = Field(pattern=NAME, description="claim that all nodes may write, for dataset and model")
    hours: float = Field(24, gt=0, le=1000, description="a job that takes longer is ended")


class Cluster(Settings):
    """The cluster's part of the settings: cluster.yaml."""

    namespace: str | None = Field(None, pattern=NAME, description="namespace of pipeline and runs")
    experiment: str = Field("withanyone", min_length=1, description="experiment that the runs belong to")
    service_account: str | None = Field(None, pattern=NAME, description="account of the steps' pods")
    registry: str = Field("localhost", pattern=r"^[\w.:/-]+[\w]$", description="where the images were pushed to")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="when images are pulled"
    )
    pull_secrets: tuple[str, ...] = Field((), strict=False, description="Secrets for pulling images")
    artefacts: str | None = Field(None, description="root of all artefacts in the object store: s3://... or gs://...")
    endpoint: str | None = Field(
        None, pattern=r"^https?://.+", description="address of the S3 store, where not AWS's own"
    )
    accelerator: str = Field("nvidia.com/gpu", min_length=1, description="resource that counts accelerators")
    tolerations: tuple[Toleration, ...] = Field((), strict=False, description="taints that steps with a GPU tolerate")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes that steps with a GPU run on")
    backoff: Backoff = Field(Backoff(), description="waits between attempts")
    hours: float = Field(24, gt=0, le=1000, description="a step that takes longer is ended")
    secrets: tuple[Secret, ...] = Field((), strict=False, description="Secrets by reference")
    volumes: tuple[Volume, ...] = Field((), strict=False, description="data that is on the cluster already")
    cache: str | None = Field(
        None, pattern=NAME, description="claim for weights and unfinished work, so that a retry goes on where it was"
    )
    scratch: str = Field("20Gi", pattern=QUANTITY, description="most that a step may write beside cache and outputs")
    steps: dict[str, StepNeeds] = Field({}, description="needs of single steps")
    nodes: Nodes | None = Field(
        None, validate_default=True, description="training on nodes of its own; absent: by one process, in the step"
    )

    @field_validator("artefacts")
    @classmethod
    def _of_a_store(cls, root: str | None) -> str | None:
        if root is not None and not re.match("(s3|gs)://.", root):
            raise ValueError("Kubeflow lets its steps reach no such place: name one that begins with s3:// or gs://")
        return root

    @field_validator("volumes")
    @classmethod
    def _each_in_its_place(cls, volumes: tuple[Volume, ...]) -> tuple[Volume, ...]:
        taken = {PurePosixPath(place) for place in OWN}
        for volume in volumes:
            if PurePosixPath(volume.path) in taken:
                raise ValueError(f"{volume.path} is another volume's, or one of the steps' own {', '.join(OWN)}")
            taken.add(PurePosixPath(volume.path))
        return volumes

    @field_validator("steps")
    @classmethod
    def _known(cls, steps: dict[str, StepNeeds]) -> dict[str, StepNeeds]:
        _check_names(steps)
        return steps

    @field_validator("nodes")
    @classmethod
    def _a_process_an_accelerator(cls, nodes: Nodes | None, others: ValidationInfo) -> Nodes | None:
        """One that is idle, or that two share, would be found out late."""
        asked = {name: one.gpu for name, one in others.data.get("steps", {}).items() if one.gpu is not None}
        train, processes = asked.pop(TRAIN.name, TRAIN.resources.gpu), nodes.processes if nodes else 1
        if train not in (0, processes):
            raise ValueError(
                f"steps.train.gpu is {train}, and training has {processes} processes on a node, which use one each: "
                "give as many processes, for which nodes may have a count of 1"
            )
        for name, gpu in asked.items():
            if gpu > 1:
                raise ValueError(f"steps.{name}.gpu is {gpu}, and the step uses one: give 1")
        return nodes

    def needs(self, step: Step) -> Resources:
        """The resources of `step` on this cluster: its own declaration, changed where the file says so."""
        return replace(step.resources, **self.steps.get(step.name, StepNeeds()).model_dump(exclude_none=True))


def load_cluster(file: Path | None) -> Cluster:
    """The checked settings of `file`, else of cluster.yaml if there is one, else the defaults; raises SettingsError."""
    if file is None and not Path(FILE).is_file():
        return Cluster()
    file = file or Path(FILE)
    try:
        return Cluster.model_validate(read_yaml(file))
    except ValidationError as error:
        raise SettingsError(f"{file}: {refusal('cluster', Cluster, error)}") from None


def with_tombstones(settings: Mapping[str, BaseModel]) -> dict[str, BaseModel]:
    """`settings` in which the gate looks for who is to be forgotten by then, on the volume that keeps them."""
    place, gate = home_of_tombstones(settings), settings[GATE.name]
    if not place or gate.model_dump()["forgotten"]:
        return dict(settings)
    return {**settings, GATE.name: gate.model_copy(update={"forgotten": place})}


def check_devices(steps: Iterable[Step], settings: Mapping[str, BaseModel], cluster: Cluster) -> None:
    """Raise SettingsError for one of the steps that is to run on a GPU and asks the cluster for none."""
    for step in steps:
        section = CURATE.name if step == LOOK else step.name
        if getattr(settings[section], "device", "cpu") == "cuda" and not cluster.needs(step).gpu:
            raise SettingsError(
                f"{section}.device is cuda, and the step {step.name} asks the cluster for no GPU: "
                f"say steps: {{{step.name}: {{gpu: 1}}}} in {FILE}."
            )


def cluster_version(step: Step, settings: BaseModel, cluster: Cluster) -> tuple[str, bool]:
    """What keys the step's cache on the cluster, and whether that says all: digest of code and of outside content.

    Content outside the run is known by the DVC hash of the volume that holds it, never by where it lies; a volume
    without one makes the step run each time. Raises SettingsError for a setting that names a path of this machine.
    """
    total, known = hashlib.sha256(code_version(ROOT, step.folder).encode()), True
    for field, path in step.paths(settings).items():
        volume = _volume_of(path, cluster, f"{step.name}.{field}")
        inside = PurePosixPath(path).relative_to(volume.path)
        content = dvc_hash(Path(volume.dvc)) if volume.dvc else ""
        total.update(f"{field}\0{content}\0{inside}\n".encode())
        known = known and bool(content)
    return total.hexdigest(), known


def _volume_of(path: Path, cluster: Cluster, setting: str) -> Volume:
    for volume in cluster.volumes:
        if PurePosixPath(path).is_relative_to(volume.path):
            return volume
    places = ", ".join(volume.path for volume in cluster.volumes) or "none"
    raise SettingsError(
        f"The setting {setting} = '{path}' is a path of this machine, which a cluster cannot see: "
        f"name one on a volume of {FILE} (now {places})."
    )


def dvc_hash(file: Path) -> str:
    """The hash that the .dvc file `file` records of its output's content; raises SettingsError where there is none."""
    try:
        outs = yaml.safe_load(file.read_text(encoding="utf-8"))["outs"]
        return " ".join(_hashes(outs))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        raise SettingsError(
            f"{file} holds no DVC hash: name the .dvc file that `dvc add` wrote for what the volume holds."
        ) from None


def _hashes(outs: list[dict[str, str]]) -> Iterator[str]:
    for out in outs:
        if not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", str(out["md5"])):
            raise KeyError("md5")
        yield str(out["md5"])
