"""The commit of the code that runs."""

import subprocess

from pipelines.sources import ROOT


def code_commit() -> str | None:
    """The commit of this checkout, with `-dirty` where it was changed since; None outside a git checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    inside = (ROOT / ".git").exists()  # not the repository of somebody who installed this package into theirs
    return done.stdout.strip() or None if inside and done.returncode == 0 else None
