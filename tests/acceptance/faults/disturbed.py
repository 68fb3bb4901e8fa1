"""A program that comes to harm at one point: DISTURBED, and after it what it does."""

import os
import subprocess
import sys
from pathlib import Path

from pipelines.sources import ROOT

# `point` is module:name of the function that is disturbed; `when` is before (""), "after", or what else goes wrong.
DISTURBED = """
import importlib, os, signal, sys, time
from pathlib import Path
home, what, point, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
if point:
    module, _, name = point.partition(":")
    *owner, last = name.split(".")
    place = importlib.import_module(module)
    for part in owner:
        place = getattr(place, part)
    whole = getattr(place, last)
    def disturbed(*arguments, **options):
        if when == "full":
            raise OSError(28, "No space left on device")
        if when == "after":
            whole(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(place, last, disturbed)
if when == "late":
    now = time.time
    time.time = lambda: now() + 3e8
"""


def run_disturbed(
    program: str, home: Path, what: str, point: str = "", when: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run `program`, which begins with DISTURBED, to its end."""
    command = [sys.executable, "-c", program, str(home), what, point, when]
    code = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=home, env=os.environ | code, capture_output=True, text=True, check=False)
