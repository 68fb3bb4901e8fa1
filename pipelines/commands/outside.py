"""Commands that reach outside a run: the pretrained weights, serving."""

from typing import Annotated

import typer

from pipelines.commands.options import RUNS, RunsFolder


def weights() -> None:
    """Fetch and verify the pretrained weights, and say what each may be used for."""
    from rich.console import Console
    from rich.table import Table

    from model.weights import fetch_all, licences

    fetch_all()
    table = Table("weights", "licence", "use", box=None)
    for row in licences():
        table.add_row(row["name"], row["licence"], row["use"])
    Console(highlight=False).print(table)


def serve(
    run: Annotated[str, typer.Argument(help="Id of the run, latest or champion.")] = "latest",
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's open it to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    runs: RunsFolder = RUNS,
) -> None:
    """Serve the model that a run has packaged, until interrupted."""
    import os

    from components.packaging.serve import check_address, command, environment
    from model.artefacts import cache_folder
    from model.errors import UserError
    from pipelines.runs import Runs

    found = Runs(runs).find(run)
    bento = found / "bento"
    if not bento.is_dir():
        raise UserError(f"The run {found.name} has packaged no model: serve another, or run again.")
    arguments = command(bento, host, port)
    check_address(host, port)
    os.execve(arguments[0], arguments, environment(cache_folder("bentoml")))  # noqa: S606  (signals go straight to the server)
