"""One command for each step, derived from the steps' declarations, on plain paths and without a run folder."""

import inspect
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import rich
import typer

from components.steps import CURATE, EVALUATE, GATE, PHOTOS, Step
from pipelines.commands.options import Changes, Json, Params, settings_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from components.curation.truth import Naming

NAMES = {PHOTOS.name: "cast"}  # commands that do not have their step's name

Truth = Annotated[
    Path | None,
    typer.Option(
        "--truth",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The truth.json of a virtual cast: print afterwards how well its faces were named.",
    ),
]

Images = Annotated[
    Path | None,
    typer.Option(
        "--images",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Score these pictures of any system, folders of out.jpg, ori.jpg, ref_1.jpg ... and meta.json, instead of "
        "drawing; --dataset is then only searched for leakage, --model says which judge was in the loss.",
    ),
]


def command_name(step: Step) -> str:
    """The step's command."""
    return NAMES.get(step.name, step.name)


def step_command(step: Step) -> Callable[..., None]:
    """A function with an option for each input of `step`, for typer to read."""

    def command(**options: Any) -> None:
        inputs = {name: options[name] for name in step.inputs}
        run_alone(step, inputs, **{name: value for name, value in options.items() if name not in step.inputs})

    kind, default = (Path | None, None) if step == EVALUATE else (Path, inspect.Parameter.empty)
    parameters = [_parameter(name, Annotated[kind, input_option(name)], default) for name in step.inputs]
    parameters += [
        _parameter("out", Annotated[Path, typer.Option("--out", help=f"Folder to write: the {step.output}.")]),
        _parameter("changes", Changes, None),
        _parameter("params", Params, None),
        _parameter("as_json", Json, False),
    ]
    if step == CURATE:
        parameters.append(_parameter("truth", Truth, None))
    if step == EVALUATE:
        parameters.append(_parameter("images", Images, None))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = f"{step.summary[:1].upper()}{step.summary[1:]} (one step alone)."
    return command


def input_option(name: str) -> typer.models.OptionInfo:
    """The option that names the folder of a step's input."""
    return typer.Option(f"--{name}", exists=True, file_okay=False, help=f"Folder of the {name}.")


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def run_alone(
    step: Step,
    inputs: dict[str, Path | None],
    out: Path,
    params: Path | None,
    changes: list[str] | None,
    as_json: bool,
    truth: Path | None = None,
    images: Path | None = None,
) -> None:
    """Run `step` on `inputs` and print what came of it; exits 5 as the command line's help says."""
    missing = [name for name, path in inputs.items() if path is None]
    if missing and not images:
        raise typer.BadParameter("it is needed where --images is not given", param_hint=f"'--{missing[0]}'")
    settings = settings_of(params, changes or [])[step.name]
    _refuse_early(step, settings, inputs | {"images": images}, out, truth)
    show_progress()
    start = time.monotonic()
    if images:
        from components.evaluation.config import EvaluationConfig
        from components.evaluation.outside import run as score_images

        assert isinstance(settings, EvaluationConfig)
        score_images(images=images, scores=out, **inputs, config=settings)
    else:
        step.run()(**inputs, **{step.output: out}, config=settings)
    record: dict[str, Any] = {"step": step.name, "out": str(out), "seconds": round(time.monotonic() - start, 1)}
    if step == GATE:
        from model.artefacts import read_json

        record["verdict"] = read_json(out / "decision.json")["verdict"]
    naming, table = _naming(out, truth) if truth else (None, None)
    if as_json:
        typer.echo(json.dumps(record | ({"naming": naming.as_json()} if naming else {})))
    else:
        typer.echo(", ".join(f"{name} {value}" for name, value in record.items()))
        if table:
            rich.print(table)
    if record.get("verdict", "promote") != "promote":
        raise typer.Exit(5)


def _refuse_early(
    step: Step, settings: "BaseModel", inputs: Mapping[str, Path | None], out: Path, truth: Path | None
) -> None:
    """Raise UserError, before any work, for what could not be used after it."""
    from model.artefacts import read_json

    step.check_output(out, **inputs)
    if step != GATE:  # to which missing evidence is a reason to reject
        step.check_paths(settings)
    if truth:
        read_json(truth, "photos")


def _naming(out: Path, truth: Path) -> "tuple[Naming, Table]":
    """How well the faces of the dataset `out` were named, as figures and for the terminal."""
    from components.curation.truth import measure_naming, naming_table
    from model.dataset.dataset import Dataset

    dataset = Dataset.open(out)
    found = measure_naming(dataset, truth)
    return found, naming_table(found, dataset)


def show_progress() -> None:
    """Our own log lines go to stderr; of other libraries, and of processes beside the first, only warnings."""
    import logging

    from components.shell import OURS
    from model.progress import speaks

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for name in OURS if speaks() else ():
        logging.getLogger(name).setLevel(logging.INFO)
