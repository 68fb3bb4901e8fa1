"""From a Bento to an image, by `bentoml containerize`, in a store of its own."""

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from components.packaging.build import NAME
from components.packaging.loading import check_digests
from components.packaging.serve import environment
from model.artefacts import link_file
from model.errors import UserError

LOG_TAIL = 3000  # characters

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
        log.info("%s builds %s, which takes some minutes the first time", engine, tag)
        done = subprocess.run(
            command, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if done.returncode:
        log.error("%s", (done.stdout + done.stderr)[-LOG_TAIL:])
        raise UserError(
            f"{engine} made no image of {bento}: mend what it says above, such as a --base that it cannot get."
        )
    asked = [engine, "image", "inspect", "--format", "{{.Id}}", tag]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().removeprefix("sha256:")


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
