"""Command that makes one model folder of adapter branches trained apart, ours or published."""

from pathlib import Path
from typing import Annotated

import typer

from components.steps import TRAIN
from model.errors import UserError

Part = Annotated[Path | None, typer.Option(exists=True, help="Model folder, or safetensors file (merged or not).")]


def merge_branches(
    out: Annotated[Path, typer.Argument(help="Model folder to write.")],
    arc: Part = None,
    sig: Part = None,
    size: Annotated[str, typer.Option("--preset", help="Preset that the branches are of.")] = "flux-dev",
) -> None:
    """Make one model folder of an ArcFace branch, a SigLIP branch or both; the published weights come in this way."""
    parts = {branch: part for branch, part in (("arc", arc), ("sig", sig)) if part}
    if not parts:
        raise UserError("merge-branches: no branch is given; give --arc, --sig or both.")
    TRAIN.check_output(out, **parts)
    from model.adapter.merge import merge_branches as merge  # torch: after what can be refused at once
    from model.presets import preset

    merge(parts, preset(size), out)
    typer.echo(str(out))
