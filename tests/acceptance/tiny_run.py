"""`withanyone` as a person types it, on a cast that is large enough for every step and for no verdict but hold."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.sources import ROOT

TINY: Mapping[str, Mapping[str, Any]] = {
    # So few people leave no telling two of them apart who look alike: these are less alike than a cast's usually are.
    "photos": {"people": 8, "photos": 5, "scenes": 16, "strangers": 2, "places": 2, "likeness": 0.25},
    "train": {"effort": 0.01, "batch": 4},
    "evaluate": {"cases": 1, "seeds": [1], "steps": 2},
    "package": {"anyway": True},
}


def open_to_steps(folder: Path) -> None:
    """Let the steps' user, who is not root, go through pytest's folders to `folder`."""
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)


def withanyone(home: Path, *words: str, **variables: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, result and last words of the command line in `home`, asked for JSON."""
    command = [sys.executable, "-m", "pipelines.cli", *words, "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | variables
    begin = time.monotonic()
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    sys.stderr.write(f"withanyone {' '.join(words[:4])}: {time.monotonic() - begin:.0f} s\n")
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def run(
    home: Path, runs: str, *options: str, changes: Mapping[str, Mapping[str, Any]] = TINY
) -> tuple[int, dict[str, Any], str]:
    """The same of `withanyone run`."""
    values = [f"{part}.{key}={json.dumps(value)}" for part, keys in changes.items() for key, value in keys.items()]
    return withanyone(home, "run", "--runs", runs, *options, *(word for one in values for word in ("--set", one)))
