"""`withanyone run` and `withanyone runs`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from model.errors import PREEMPTED
from pipelines.commands.options import DRIFT, RUNS, Changes, Json, Params, RunsFolder, Verbose, settings_of

runs_app = typer.Typer(help="List the runs, choose the champion, delete old ones.", invoke_without_command=True)


def run(
    photos: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of photos; without it the virtual cast is made."),
    ] = None,
    urls: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="List of URLs to download photos from (.csv, .tsv, .parquet)."),
    ] = None,
    changes: Changes = None,
    package_anyway: Annotated[
        bool, typer.Option("--package-anyway", help="Package for a trial whatever the verdict.")
    ] = False,
    params: Params = None,
    runs: RunsFolder = RUNS,
    as_json: Json = False,
    verbose: Verbose = False,
    in_containers: Annotated[
        bool, typer.Option("--in-containers", help="Run each step in its container, by podman or docker.")
    ] = False,
) -> None:
    """Run the whole job: photos in, a judged and packaged model out; steps with nothing changed are not redone."""
    from rich.console import Console

    from pipelines.main_job import run_main_job
    from pipelines.runs import Runs
    from pipelines.summary import show, summarise

    sources = {"folder": photos, "urls": urls}
    given = {key: json.dumps(str(path.resolve()), ensure_ascii=False) for key, path in sources.items() if path}
    first = [f"photos.{key}={path}" for key, path in given.items()]
    last = ["package.anyway=true"] if package_anyway else []
    settings = settings_of(params, [*first, *(changes or []), *last])
    record = run_main_job(Runs(runs), settings, Console(stderr=True), verbose, in_containers)
    folder = (runs / record["id"]).absolute()
    summary = summarise(folder, record)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        show(summary, Console(highlight=False, soft_wrap=True, markup=False))
    failure = record["failure"]
    if failure:
        typer.echo(
            failure["sentence"] if failure["expected"] else f"{failure['sentence']} The log is {folder}/run.log.",
            err=True,
        )
        raise typer.Exit(_exit_code(failure, folder))


def _exit_code(failure: dict[str, object], run: Path) -> int:
    if failure["busy"]:
        return PREEMPTED
    if not failure["expected"]:
        return 1
    return 4 if failure["step"] == "validate" and _validation_failed(run / "validation") else 3


def _validation_failed(validation: Path) -> bool:
    """Whether the folder holds the result of a suite that failed, rather than of an input that could not be read."""
    from model.artefacts import read_json

    result = validation / "result.json"
    return result.is_file() and not read_json(result)["success"]


@runs_app.callback()
def list_runs(context: typer.Context, runs: RunsFolder = RUNS, as_json: Json = False) -> None:
    """List the runs, oldest first."""
    if context.invoked_subcommand:
        if as_json:
            raise typer.BadParameter(
                f"{context.invoked_subcommand} prints no JSON: leave it out", param_hint="'--json'"
            )
        context.default_map = {context.invoked_subcommand: {"runs": runs}}  # --runs may stand on either side
        return
    from rich.console import Console
    from rich.table import Column, Table

    from pipelines.runs import Runs

    records = Runs(runs).records()
    if as_json:
        typer.echo(json.dumps(records, indent=2))
        return
    # Commands take the id: a narrow terminal may cut all else.
    table = Table(Column("run", no_wrap=True), "status", "verdict", "seconds", "", box=None)
    for record in records:
        marks = " ".join(mark for mark in ("latest", "champion") if record[mark])
        table.add_row(record["id"], record["status"], record.get("verdict"), str(record.get("seconds", "")), marks)
    Console(highlight=False).print(table if records else f"no run in {runs} yet")
    for record in records:
        if "problem" in record:
            typer.echo(record["problem"], err=True)


@runs_app.command()
def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest runs stay.")],
    runs: RunsFolder = RUNS,
    drift: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of all drift reports; the newest as many keep their pictures."),
    ] = DRIFT,
) -> None:
    """Delete old runs and what their steps made; the champion, the newest one done and what these build on stay."""
    from model.words import counted
    from pipelines.drift import prune as prune_drift
    from pipelines.runs import Runs

    gone = Runs(runs).prune(keep)
    prune_drift(drift, keep)
    typer.echo(f"deleted {counted(len(gone), 'run')}" + (f": {', '.join(gone)}" if gone else ""))


@runs_app.command()
def champion(run: Annotated[str, typer.Argument(help="Id of the run, or latest.")], runs: RunsFolder = RUNS) -> None:
    """Make a run the champion: later models are judged against its scores."""
    from pipelines.runs import Runs

    typer.echo(f"champion: {Runs(runs).crown(run).name}")
