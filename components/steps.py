"""The steps of the retraining graph, declared once; the pipeline, the command line and the checks derive from here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

from model.errors import UserError
from model.garbage import imports_stay


@dataclass(frozen=True)
class Resources:
    """What a step asks of the runner that executes it."""

    retries: int  # further attempts after a failure
    cpu: str  # cores, Kubernetes notation
    memory: str  # bytes, Kubernetes notation
    gpu: int = 0  # accelerators


@dataclass(frozen=True)
class Step:
    """One step: what it reads, what it makes, and where its code and its settings live."""

    name: str  # also its section in params.yaml
    folder: str  # its room under components/
    summary: str
    inputs: tuple[str, ...]  # outputs of earlier steps, by name
    output: str
    config: str  # class in components/<folder>/config.py
    resources: Resources
    external: tuple[str, ...] = ()  # settings that may name a folder or a file outside the run
    words: tuple[str, ...] = ("",)  # values of those settings that are words, not paths
    known_by: tuple[tuple[str, str], ...] = ()  # such a setting, and the file by which its folder is known
    beside: tuple[tuple[str, str], ...] = ()  # such a setting, and a file that counts where it lies beside its file
    module: str = "step"  # in components/<folder>: has the function `run`
    shares: bool = False  # several tasks do it side by side, each a share
    signs: tuple[str, ...] = ()  # files by one of which a folder is known to be the output
    parts: str = ""  # output of the tasks that may do a part of it before

    @property
    def image(self) -> str:
        """The container image of the step, the one of this release."""
        return f"withanyone-{self.folder}:{version('withanyone')}"

    def settings(self) -> type[BaseModel]:
        """The class of the step's settings."""
        return getattr(import_module(f"components.{self.folder}.config"), self.config)

    def paths(self, settings: BaseModel) -> dict[str, Path]:
        """The folders and files outside the run that the settings name, absolute, by setting.

        Raises UserError for what can be no path.
        """
        values = {name: getattr(settings, name) for name in self.external}
        outside = {name: value for name, value in values.items() if value not in self.words}
        return {name: absolute(f"{self.name}.{name}", value) for name, value in outside.items()}

    def outside(self, settings: BaseModel) -> dict[str, Path]:
        """The `paths`, and the files `beside` them that are there."""
        paths = self.paths(settings)
        others = {f"{name} {file}": paths[name].parent / file for name, file in self.beside if name in paths}
        return paths | {name: path for name, path in others.items() if path.is_file()}

    def check_paths(self, settings: BaseModel) -> None:
        """Raise UserError for a folder or a file of the settings that is not there, or another one, before any work."""
        files = dict(self.known_by)
        for name, path in self.paths(settings).items():
            what = f"{self.name}.{name} '{getattr(settings, name)}'"
            if not path.exists():
                raise UserError(f"{what} is not there: give a path that is, or leave the setting out")
            if name in files and not (path / files[name]).is_file():
                raise UserError(f"{what} holds no {files[name]}: give a folder that does, or leave the setting out")

    def check_output(self, out: Path, **inputs: Path | None) -> None:
        """Raise UserError where `out`, which is replaced whole, is neither new nor empty nor what this step wrote.

        Nor may it hold the folder that the command runs in, or lie in one of the `inputs`, which may be replaced whole
        by the next command, or one of these in it.
        """
        from model.artefacts import entangled

        if out.exists() and not (out.is_dir() and (any((out / n).is_file() for n in self.signs) or _is_empty(out))):
            raise UserError(
                f"{out} is there already and holds no {self.output} that this command wrote and may replace: "
                "give the name of a new folder"
            )
        place = absolute("--out", str(out))
        if place.exists() and Path.cwd().is_relative_to(place):
            raise UserError(
                f"the output {out} is or holds the folder in which the command was started, and would be replaced: "
                "give the name of a new folder"
            )
        for name, path in inputs.items():
            if path and entangled(absolute(f"--{name}", str(path)), place):
                raise UserError(
                    f"the {name} {path} and the output {out} lie one in the other, and would be replaced together: "
                    "give an output outside of it"
                )

    def run(self) -> Callable[..., None]:
        """The function that does the step's work; importing it loads what the step needs."""
        with imports_stay():
            module = import_module(f"components.{self.folder}.{self.module}")
        return getattr(module, "run")  # noqa: B009  (keeps the type open)


def absolute(what: str, path: str) -> Path:
    """`path`, absolute and without links; raises UserError that says `what` it is where it can be none."""
    try:
        path.encode()  # as every table and JSON file is that may name it
        return Path(path).expanduser().resolve()
    except (RuntimeError, ValueError) as error:  # a home of nobody, links in a circle, a zero byte, no UTF-8
        raise UserError(f"{what} {path!r} is no path ({error}): give another") from error


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


PHOTOS = Step(
    name="photos",
    folder="photos",
    summary="make the virtual cast's photographs, take the user's folder, or download a list of URLs",
    inputs=(),
    output="photos",
    signs=("photos.json",),
    config="PhotosConfig",
    resources=Resources(retries=2, cpu="2", memory="4Gi"),
    external=("folder", "urls"),
    beside=(("urls", "forgotten.json"),),
)
CURATE = Step(
    name="curate",
    folder="curation",
    summary="turn photos into a paired dataset of faces and identities",
    inputs=("photos",),
    output="dataset",
    signs=("manifest.json",),
    config="CurationConfig",
    resources=Resources(retries=2, cpu="2", memory="4Gi"),
    external=("pack", "previous", "aesthetic", "captioner"),
    words=("", "attributes"),
    known_by=(("previous", "manifest.json"),),
    parts="looks",
)
LOOK = Step(
    name="look",
    folder="curation",
    summary="look at a share of the photos",
    inputs=("photos",),
    output="looks",
    config="ShareConfig",
    resources=CURATE.resources,
    external=("pack",),
    module="look",
    shares=True,
)
VALIDATE = Step(
    name="validate",
    folder="validation",
    summary="prove the dataset good, or stop",
    inputs=("dataset",),
    output="validation",
    signs=("result.json",),
    config="ValidationConfig",
    resources=Resources(retries=1, cpu="1", memory="4Gi"),
)
TRAIN = Step(
    name="train",
    folder="training",
    summary="train the identity adapter on a frozen base",
    inputs=("dataset", "validation"),
    output="model",
    signs=("training.json",),
    config="TrainingConfig",
    resources=Resources(retries=2, cpu="2", memory="8Gi", gpu=1),
    external=("start",),
    words=("preset", "scratch"),
    known_by=(("start", "training.json"),),
)
TRAIN_NODES = replace(TRAIN, config="NodesConfig", module="nodes")
EVALUATE = Step(
    name="evaluate",
    folder="evaluation",
    summary="score the model on people it has never seen",
    inputs=("dataset", "model"),
    output="scores",
    signs=("scores.json",),
    config="EvaluationConfig",
    resources=Resources(retries=2, cpu="2", memory="8Gi", gpu=1),
    external=("release", "champion", "clip", "aesthetic"),
    known_by=(("champion", "model/training.json"),),
)
GATE = Step(
    name="gate",
    folder="gate",
    summary="decide: promote, hold or reject",
    inputs=("dataset", "validation", "model", "scores"),
    output="decision",
    signs=("decision.json",),
    config="GateConfig",
    resources=Resources(retries=1, cpu="1", memory="2Gi"),
    external=("champion", "forgotten", "shadow"),
    known_by=(("champion", "scores.json"),),
)
PACKAGE = Step(
    name="package",
    folder="packaging",
    summary="build and prove the Bento of a promoted model",
    inputs=("model", "scores", "decision"),
    output="bento",
    signs=("bento.yaml", "skipped.json"),
    config="PackagingConfig",
    resources=Resources(retries=1, cpu="2", memory="8Gi"),
)
# LOOK and TRAIN_NODES are not among them: a part of CURATE for several tasks, and TRAIN by other means.
STEPS = (PHOTOS, CURATE, VALIDATE, TRAIN, EVALUATE, GATE, PACKAGE)
