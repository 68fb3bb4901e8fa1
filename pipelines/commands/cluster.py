"""`withanyone compile` and `withanyone submit`: the graph for a Kubeflow cluster, and a run there."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import RUNS, Changes, Json, Params, RunsFolder, settings_of

TOKEN = "WITHANYONE_KFP_TOKEN"  # environment variable: a bearer token for the server
ClusterFile = Annotated[
    Path | None,
    typer.Option(
        "--cluster", metavar="FILE", help="The cluster's settings.", show_default="cluster.yaml if there is one"
    ),
]


class Form(StrEnum):
    """What `compile` writes."""

    ir = "ir"
    kubernetes = "kubernetes"


def compile_pipeline(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("retrain.yaml"),
    form: Annotated[Form, typer.Option(help="Kubeflow's IR YAML, or Kubernetes objects for GitOps.")] = Form.ir,
    changes: Changes = None,
    params: Params = None,
    cluster: ClusterFile = None,
) -> None:
    """Write the graph for a cluster, with retries, resources, images, volumes and secrets of the steps."""
    from pipelines.cluster import load_cluster, with_tombstones
    from pipelines.compiled import write_ir, write_manifests

    settings, target = with_tombstones(settings_of(params, changes or [])), load_cluster(cluster)
    if form == Form.ir:
        write_ir(out, settings, target)
    else:
        write_manifests(out, settings, target)
    typer.echo(str(out))


def submit(
    host: Annotated[str, typer.Option(help="Address of Kubeflow Pipelines, http(s)://...")],
    schedule: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="Run whenever it says (UTC), in the place of an earlier schedule."),
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="ID", help="Follow this run instead of starting one.")] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of the run; one of this name that has not failed is followed instead of started."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow the run to its decision.")] = True,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Bring the decided run home, into the folder of all runs.")
    ] = False,
    runs: RunsFolder = RUNS,
    changes: Changes = None,
    params: Params = None,
    cluster: ClusterFile = None,
    as_json: Json = False,
) -> None:
    """Run the graph on a cluster: upload it, start or schedule a run, follow its steps, give its decision."""
    from rich.console import Console

    from components.addresses import web_address
    from pipelines import submit as work
    from pipelines.cluster import load_cluster, with_tombstones
    from pipelines.fetched import artefacts_of, fetch_run
    from pipelines.kubeflow import Server
    from pipelines.runs import Runs
    from pipelines.settings import SettingsError

    if fetch and (schedule or not wait):
        raise SettingsError("--fetch waits for the decision of one run: leave out --schedule and --no-wait.")
    if web_address(host) is None:
        raise SettingsError(f"--host '{host}' is no address: it is http:// or https:// with a host, and no password.")
    if schedule:
        work.check_schedule(schedule)
    target = load_cluster(cluster)
    if wait and not schedule:
        artefacts_of(target)
    if run:
        server = Server(host, target, os.environ.get(TOKEN))
    else:
        with work.packaged(with_tombstones(settings_of(params, changes or [])), target) as package:
            server = Server(host, target, os.environ.get(TOKEN))
            version = server.upload(*package)
        made = server.schedule(*version, schedule) if schedule else server.start(*version, name)
        if schedule or not wait:
            kind = "schedule" if schedule else "run"
            typer.echo(json.dumps({kind: made}) if as_json else f"{kind} {made}")
            return
        run = made
    record = work.follow(server, run, Console(stderr=True))
    if fetch and "verdict" in record:
        record["folder"] = str(fetch_run(target, record, Runs(runs.absolute())))
    typer.echo(json.dumps(record, indent=2) if as_json else _told(record))
    raise typer.Exit(record["exit_code"])


def _told(record: dict[str, object]) -> str:
    """The end of a run in words."""
    if isinstance(record.get("decision"), dict):
        folder = f"\nfolder    {record['folder']}" if "folder" in record else ""
        return f"verdict   {record['verdict']}: {record['decision']['reason']}\nrun       {record['link']}{folder}"  # type: ignore[index]
    return f"{record['state']}    {record['failure']}\nrun       {record['link']}"
