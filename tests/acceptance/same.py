"""Whether two runs made the same: photos and dataset by content, models and scores up to the rounding of sums.

The bytes of arrays follow the patch version of Python, which writes zip headers another way; their content does not.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from model.artefacts import file_digest, folder_digest, read_json

ROUNDING = 1e-4  # of weights around 1
SCORES = 0.01  # of scores, which are cosines


def differences(one: Path, other: Path) -> list[str]:
    """What differs between the run folders `one` and `other`; nothing where they are the same."""
    found = [] if folder_digest(one / "photos") == folder_digest(other / "photos") else ["photos"]
    found += [f"dataset/{name}" for name in _dataset(one / "dataset", other / "dataset")]
    mine, yours = (load_file(run / "model" / "adapter.safetensors") for run in (one, other))
    found += [f"weight {key}" for key in mine if not np.allclose(mine[key], yours[key], rtol=0, atol=ROUNDING)]
    left, right = (dict(_leaves(read_json(run / "scores" / "scores.json")["systems"])) for run in (one, other))
    found += [f"score {key}" for key in left if not np.isclose(left[key], right[key], rtol=0, atol=SCORES)]
    first, second = (read_json(run / "decision" / "decision.json") for run in (one, other))
    states = [[(rule["name"], rule["state"]) for rule in decision["rules"]] for decision in (first, second)]
    return found + ([] if first["verdict"] == second["verdict"] and states[0] == states[1] else ["decision"])


def _dataset(one: Path, other: Path) -> Iterator[str]:
    names = {path.relative_to(one) for path in one.rglob("*.*")}
    if names != {path.relative_to(other) for path in other.rglob("*.*")}:
        yield "names"
        return
    for name in sorted(names):
        if name.suffix == ".tar":
            yield from (f"{name}/{member}" for member in _tar(one / name, other / name))
        elif name.suffix == ".parquet" and file_digest(one / name) != file_digest(other / name):
            yield str(name)


def _tar(one: Path, other: Path) -> Iterator[str]:
    with tarfile.open(one) as mine, tarfile.open(other) as yours:
        if mine.getnames() != yours.getnames():
            yield "names"
            return
        for name in mine.getnames():
            data = [archive.extractfile(name).read() for archive in (mine, yours)]  # type: ignore[union-attr]
            if not (_arrays(*data) if name.endswith(".npz") else data[0] == data[1]):
                yield name


def _arrays(one: bytes, other: bytes) -> bool:
    mine, yours = np.load(io.BytesIO(one)), np.load(io.BytesIO(other))
    return mine.files == yours.files and all(np.array_equal(mine[name], yours[name]) for name in mine.files)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of nested mappings, with where they stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}/{key}")
    elif isinstance(value, int | float):
        yield path, float(value)
