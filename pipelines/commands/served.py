"""Commands about what the service made: reading a picture's credentials, and reporting on a shadow."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import Json

shadow_app = typer.Typer(no_args_is_help=True)


def verify(
    picture: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="PICTURE", help="Picture file.")],
    anchors: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, metavar="FILE", help="PEM certificates whose signatures are trusted."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a picture's content credentials and print what made it; an error where it was changed, or carries none."""
    from dataclasses import asdict

    from components.packaging.reading import read_anchors, read_credentials
    from model.errors import UserError

    found = read_credentials(picture.read_bytes(), read_anchors(anchors))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, sort_keys=True))
    else:
        rows = {"state": found.state, "signed by": found.signer, **found.lineage}
        width = max(map(len, rows))
        for name, value in rows.items():
            typer.echo(f"{name:<{width}}  {value}")
    if found.state == "Invalid":
        raise UserError(f"{picture} was changed after it was signed ({'; '.join(found.problems)}); do not trust it")


@shadow_app.callback()
def shadow() -> None:
    """Look at the trial of a second model beside the champion."""


@shadow_app.command()
def report(
    scores: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="What WITHANYONE_SHADOW_LOG named.")
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there, too, as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Compare the shadow with the champion on the orders that both drew."""
    from components.packaging.shadow_report import shadow_report
    from model.artefacts import write_json
    from model.words import counted

    found = shadow_report(scores)
    if out is not None:
        write_json(out, found)
    if as_json:
        typer.echo(json.dumps(found, indent=2, sort_keys=True))
        return
    typer.echo(f"{counted(found['orders'], 'order')}, {found['failed']} failed; shadow {found['shadow_model'][:12]}")
    for name, who in found["metrics"].items():
        change = who["difference"]
        if change is not None:
            means = f"champion {who['champion']['mean']:.3f}, shadow {who['shadow']['mean']:.3f}"
            typer.echo(
                f"{name}: {means}, difference {change['mean']:+.3f} ({change['low']:+.3f} to {change['high']:+.3f})"
            )
