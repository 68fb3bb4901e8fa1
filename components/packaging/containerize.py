"""From a Bento to an image, by `bentoml containerize`, in a store of its own."""

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from components.packaging.build import NAME
from components.packaging.loading import check_digests
from components.packaging.serve import environment
from model.artefacts import link_file
from model.errors import UserError

LOG_TAIL = 3000  # characters
WIDTH = 60  # characters of a step that are shown
STEP = re.compile(r"(?:\bSTEP |\bStep |#\d+ \[(?:\S+ )?)(\d+)/(\d+)(?:\]| ?:) (.+)")  # podman's, docker's, BuildKit's

log = logging.getLogger(__name__)


def containerize(bento: Path, tag: str, engine: str, base: str | None, labels: Mapping[str, str]) -> str:
    """Make the image `tag` of the Bento in the folder `bento` by `engine` (podman or docker); returns the image's id.

    `base`, which has Python and venv, takes the place of the Bento's base image. Raises UserError where a file of the
    Bento is not the one that was packaged, and where the engine is missing or makes no image.
    """
    if shutil.which(engine) is None:
        raise UserError(f"The engine '{engine}' is not installed here: install it, or name the other by --engine.")
    check_digests(bento / "src" / "bundle")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        version = _into_store(bento, home, base)
        command = [sys.executable, "-m", "bentoml", "containerize", f"{NAME}:{version}", "--backend", engine]
        command += ["--image-tag", tag]
        command += [word for name, value in labels.items() for word in ("--opt", f"label={name}={value}")]
        with subprocess.Popen(
            command,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as build:
            said = follow(build.stdout or (), f"{engine} builds {tag}", Console(stderr=True))
    if build.returncode:
        log.error("%s", said)
        raise UserError(
            f"{engine} made no image of {bento}: mend what it says above, such as a --base that it cannot get."
        )
    asked = [engine, "image", "inspect", "--format", "{{.Id}}", tag]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().removeprefix("sha256:")


def follow(lines: Iterable[str], words: str, console: Console) -> str:
    """Show the engine's steps among its `lines`, as a bar or else a line each; returns the end of what it said."""
    said: deque[str] = deque(maxlen=LOG_TAIL)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    watched = console.is_terminal
    console.print(f"{words}, which takes some minutes the first time", markup=False, highlight=False, soft_wrap=True)
    with Progress(*columns, console=console, transient=True, disable=not watched) as bar:
        task = bar.add_task(words, total=None)
        for line in lines:
            said.append(line)
            if step := STEP.search(line):
                number, of, what = step.groups()
                bar.update(task, description=what[:WIDTH], completed=int(number) - 1, total=int(of))
                if not watched:
                    console.print(f"{number}/{of} {what[:WIDTH]}", markup=False, highlight=False, soft_wrap=True)
    return "".join(said)[-LOG_TAIL:]


def _into_store(bento: Path, home: Path, base: str | None) -> str:
    """Show the Bento in the store `home`, made from `base` where one is given; returns its version."""
    about = yaml.safe_load((bento / "bento.yaml").read_text(encoding="utf-8"))
    place = home / "bentos" / NAME / about["version"]
    shutil.copytree(bento, place, copy_function=link_file)
    if base is not None:
        about["image"]["base_image"] = base
        (place / "bento.yaml").unlink()  # a link to the Bento's own
        (place / "bento.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return str(about["version"])
