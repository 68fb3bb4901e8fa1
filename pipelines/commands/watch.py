"""`withanyone deletions` and `withanyone drift`: what is looked after between two trainings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import DRIFT, RUNS, Changes, Json, Params, RunsFolder, settings_of
from pipelines.commands.registry import DEPLOYMENT, REGISTRY, DeploymentFolder, RegistryFolder

deletions_app = typer.Typer(
    help="Take requests to forget people through data, model and serving.", no_args_is_help=True
)
Requests = Annotated[Path, typer.Option("--requests", metavar="DIR", file_okay=False, help="Folder of the requests.")]
REQUESTS = Path("deletions")


@deletions_app.command()
def add(
    person: Annotated[str, typer.Argument(help="Name of the person, as the photos have it.")],
    requests: Requests = REQUESTS,
) -> None:
    """Note that a person asked to be forgotten."""
    from pipelines.deletions import Deletions

    Deletions(requests).add(person)
    typer.echo("noted: `withanyone deletions apply` carries it out")


@deletions_app.command()
def pending(requests: Requests = REQUESTS) -> None:
    """Print how many requests wait."""
    from pipelines.deletions import Deletions

    typer.echo(str(len(Deletions(requests).pending())))


@deletions_app.command()
def apply(
    photos: Annotated[Path, typer.Option(exists=True, file_okay=False, metavar="DIR", help="Your folder of photos.")],
    dataset: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, metavar="DIR", help="Dataset of them; gets a new version."),
    ],
    requests: Requests = REQUESTS,
    registry: RegistryFolder = REGISTRY,
    deployment: DeploymentFolder = DEPLOYMENT,
) -> None:
    """Carry out what waits, and print as JSON what was done; exit code 3 where one could not be carried out."""
    from pipelines.commands.step import show_progress
    from pipelines.deletions import Deletions
    from pipelines.registry import Registry

    show_progress()
    done = Deletions(requests).apply(photos.resolve(), dataset.resolve(), Registry(registry), deployment)
    typer.echo(json.dumps(done, indent=2))
    if not all(row["done"] for row in done):
        raise typer.Exit(3)


def drift(
    dataset: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, metavar="DIR", help="Dataset to score on.", show_default="the newest of a run"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all reports.")] = DRIFT,
    changes: Changes = None,
    params: Params = None,
    runs: RunsFolder = RUNS,
    as_json: Json = False,
) -> None:
    """Score the champion again on the current benchmark, and say which figures have drifted since its promotion."""
    from components.evaluation.config import EvaluationConfig
    from components.steps import EVALUATE
    from model.words import counted
    from pipelines.commands.step import show_progress
    from pipelines.drift import measure_drift
    from pipelines.runs import CHAMPION, Runs

    settings = settings_of(params, changes or [])[EVALUATE.name]
    assert isinstance(settings, EvaluationConfig)
    show_progress()
    Runs(runs).find(CHAMPION)  # refused before the libraries of the evaluation are loaded, which takes seconds
    report = measure_drift(Runs(runs), dataset, out, EVALUATE.run(), settings)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    for name, row in report["metrics"].items():
        mark = "  drifted" if row["drifted"] else ""
        typer.echo(f"{name}  {row['before']['mean']:.3f} to {row['after']['mean']:.3f}{mark}")
    left_out = report["left_out"]
    if left_out["cases"]:
        seen = ", ".join(left_out["people"])
        cases = counted(len(left_out["cases"]), "case")
        typer.echo(f"left out, of people whom the champion was trained on ({seen}): {cases}")
    typer.echo(f"report: {report['report']}")
