"""One command for each step, derived from the steps' declarations, on plain paths and without a run folder."""

import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from components.steps import GATE, PHOTOS, VALIDATE, Step
from model.errors import UserError
from pipelines.commands.options import Changes, Json, Params, settings_of

NAMES = {PHOTOS.name: "cast"}  # commands that do not have their step's name


def command_name(step: Step) -> str:
    """The step's command."""
    return NAMES.get(step.name, step.name)


def step_command(step: Step) -> Callable[..., None]:
    """A function with an option for each input of `step`, for typer to read."""

    def command(**options: Any) -> None:
        inputs = {name: options[name] for name in step.inputs}
        _run(step, inputs, options["out"], options["params"], options["changes"] or [], options["as_json"])

    parameters = [_parameter(name, _input_option(name)) for name in step.inputs]
    parameters += [
        _parameter("out", Annotated[Path, typer.Option("--out", help=f"Folder to write: the {step.output}.")]),
        _parameter("changes", Changes, None),
        _parameter("params", Params, None),
        _parameter("as_json", Json, False),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = f"{step.summary[:1].upper()}{step.summary[1:]} (one step alone)."
    return command


def _input_option(name: str) -> Any:
    return Annotated[Path, typer.Option(f"--{name}", exists=True, file_okay=False, help=f"Folder of the {name}.")]


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _run(
    step: Step, inputs: dict[str, Path], out: Path, params: Path | None, changes: list[str], as_json: bool
) -> None:
    settings = settings_of(params, changes)[step.name]
    show_progress()
    start = time.monotonic()
    try:
        step.run()(**inputs, **{step.output: out}, config=settings)
    except UserError as error:
        if step == VALIDATE and validation_failed(out):
            typer.echo(str(error), err=True)
            raise typer.Exit(4) from None
        raise
    record: dict[str, Any] = {"step": step.name, "out": str(out), "seconds": round(time.monotonic() - start, 1)}
    if step == GATE:
        from model.artefacts import read_json

        record["verdict"] = read_json(out / "decision.json")["verdict"]
    typer.echo(json.dumps(record) if as_json else ", ".join(f"{name} {value}" for name, value in record.items()))
    if record.get("verdict", "promote") != "promote":
        raise typer.Exit(5)


def validation_failed(validation: Path) -> bool:
    """Whether the folder holds the result of a suite that failed, rather than of an input that could not be read."""
    from model.artefacts import read_json

    result = validation / "result.json"
    return result.is_file() and not read_json(result)["success"]


def show_progress() -> None:
    """Our own log lines go to stderr; of other libraries only warnings."""
    import logging

    from components.shell import OURS

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
