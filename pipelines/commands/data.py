"""`withanyone data`: what there is to know and do about versions of a dataset."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Json

data_app = typer.Typer(no_args_is_help=True)


@data_app.callback()
def data() -> None:
    """Look after the versions of a dataset."""


@data_app.command()
def log(
    repo: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, metavar="DIR", help="Folder in the git repository that uses DVC."),
    ] = Path(),
    dataset: Annotated[
        Path, typer.Option(metavar="DIR", help="The dataset's folder, from the folder of --repo.")
    ] = Path("data/dataset"),
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many versions.")] = 20,
    as_json: Json = False,
) -> None:
    """List a dataset's versions as DVC tracks them, newest first: counts, and what changed against the one before."""
    from rich.console import Console

    from pipelines.version_log import show_log, version_log
    from pipelines.versions import open_history

    with open_history(repo, dataset) as history:
        record = version_log(history, limit)
    if as_json:
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        show_log(record, Console(highlight=False, markup=False))
