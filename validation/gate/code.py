"""Which code decides: the release, and a digest of the files that a decision's figures depend on."""

from importlib.metadata import version
from pathlib import Path

from model.artefacts import files_digest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("validation/gate", "validation/benchmark/metrics.py")


def code() -> dict[str, str]:
    """The version of the package, and SHA-256 over names and contents of the gate's source files."""
    places = [place for name in FILES for place in (sorted((ROOT / name).glob("*.py")) or [ROOT / name])]
    return {"version": version("withanyone"), "digest": files_digest(ROOT, places)}
