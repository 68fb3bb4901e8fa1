"""Options that several commands share, and the settings that they give."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting; may be given again and again."),
]
Params = Annotated[
    Path | None,
    typer.Option("--params", metavar="FILE", help="Settings file.", show_default="params.yaml where there is one"),
]
RunsFolder = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, for a program.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show all that libraries and Kubeflow say.")]
RUNS, DRIFT = Path("runs"), Path("drift")


def settings_of(params: Path | None, changes: list[str]) -> "dict[str, BaseModel]":
    """The settings of all steps from the named file, else params.yaml where there is one, and the changes."""
    from pipelines.settings import FILE, load_settings

    if params is None and Path(FILE).is_file():
        params = Path(FILE)
    return load_settings(params, changes)
