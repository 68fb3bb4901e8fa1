"""Build a Bento from a prepared folder of sources, in a process and a store of its own."""

import subprocess
import sys
from pathlib import Path

import yaml

from components.packaging.image import BASE
from components.packaging.lineage import Lineage
from components.packaging.pins import pins
from components.packaging.serve import environment

NAME = "withanyone"


def build(context: Path, home: Path, lineage: Lineage) -> Path:
    """Build the Bento of the sources in `context` with the store `home`, which must lie outside it; returns its folder.

    A process of its own, because bentoml imports the service from the copied sources, and these packages are loaded
    here from another place already.
    """
    version = lineage.model[:16]
    (context / "bentofile.yaml").write_text(yaml.safe_dump(_options(lineage)), encoding="utf-8")
    command = [sys.executable, "-m", "bentoml", "build", str(context), "--version", version, "--output", "tag"]
    settings = {**environment(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=context, env=settings, capture_output=True, text=True, check=False)
    bento = home / "bentos" / NAME / version
    if done.returncode != 0 or not (bento / "bento.yaml").exists():
        raise RuntimeError(f"bentoml build failed:\n{done.stdout}\n{done.stderr}")
    return bento


def _options(lineage: Lineage) -> dict[str, object]:
    return {
        "service": "components.packaging.service:WithAnyone",
        "name": NAME,
        "description": "file: ./README.md",
        "labels": lineage.model_dump(),
        "include": ["*"],
        # Locking would ask a registry and write its address into the Bento; the versions here are the proven ones.
        "python": {"packages": pins("packaging"), "lock_packages": False},
        "docker": {"base_image": BASE},
    }
