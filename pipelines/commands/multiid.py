"""Commands for MultiID-2M's released layout: a release in, a dataset out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Json


def import_multiid(
    release: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of the release.")],
    out: Annotated[Path, typer.Option(help="Photo folder to write; a killed import goes on where it was.")],
    as_json: Json = False,
) -> None:
    """Turn a release in MultiID-2M's layout into a photo folder for `run --photos` and `curate --photos`."""
    from components.curation.multiid.importer import import_release

    _tell(out, import_release(release, out), as_json)


def export_multiid(
    dataset: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a curated dataset.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    as_json: Json = False,
) -> None:
    """Write a dataset's training photos in MultiID-2M's layout; held-out people stay out, people are numbers."""
    from components.curation.multiid.exporter import export_release

    _tell(out, export_release(dataset, out), as_json)


def _tell(out: Path, counts: dict[str, int], as_json: bool) -> None:
    record = {"out": str(out), **counts}
    typer.echo(json.dumps(record) if as_json else ", ".join(f"{name} {value}" for name, value in record.items()))
