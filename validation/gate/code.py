"""Which code decides: the release, and a digest of the files that a decision's figures depend on."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from model.artefacts import file_digest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("validation/gate", "validation/benchmark/metrics.py")


def code() -> dict[str, str]:
    """The version of the package, and SHA-256 over names and contents of the gate's source files."""
    total = hashlib.sha256()
    places = [place for name in FILES for place in (sorted((ROOT / name).glob("*.py")) or [ROOT / name])]
    for file in places:
        total.update(f"{file.relative_to(ROOT).as_posix()}\0{file_digest(file)}\n".encode())
    return {"version": version("withanyone"), "digest": total.hexdigest()}
