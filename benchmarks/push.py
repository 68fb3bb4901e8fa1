"""Pushing a dataset of 10,000 photos to a registry's remote, beside a plain copy of the same bytes.

python -m benchmarks.push [--photos 10000] [--kilobytes 60]. The photos are noise of the size of a photo: nothing can be
compressed or found twice. A plain copy is `shutil.copytree`; both end with the bytes on the disk (sync).
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from model.dataset.shards import Sample, write_shards
from pipelines.registry import STORE, Registry

PER_SHARD = 500


def samples(photos: int, size: int) -> Iterator[Sample]:
    """Photos of `size` bytes of noise."""
    noise = np.random.default_rng(0)
    for number in range(photos):
        yield Sample(f"{number:016x}", noise.bytes(size), {"image_id": f"{number:016x}"}, {})


def timed(work: Callable[[], object]) -> float:
    """Seconds of `work` until its bytes are on the disk."""
    os.sync()
    begin = time.monotonic()
    work()
    os.sync()
    return time.monotonic() - begin


def bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(home: Path, photos: int, size: int) -> dict[str, float]:
    """MiB of the dataset, and seconds of a plain copy, of `dvc add` and of `dvc push`."""
    written = list(write_shards(home / "dataset", "references", samples(photos, size), PER_SHARD))
    assert len(written) == photos
    copy = timed(lambda: shutil.copytree(home / "dataset", home / "copy"))
    registry = Registry(home / "registry")
    registry.create()
    shutil.copytree(home / "dataset", registry.root / "dataset", copy_function=os.link)
    with registry.opened() as repo:
        add = timed(lambda: repo.add([str(registry.root / "dataset")]))
        push = timed(repo.push)
    copied = bytes_in(home / "copy")
    assert bytes_in(home / STORE) >= copied, "not all was pushed"
    return {"MiB": copied / 2**20, "copy": copy, "add": add, "push": push, "push / copy": push / copy}


def main() -> None:
    """Print a line of figures for each repeat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    for _ in range(chosen.repeats):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
            figures = measure(Path(scratch), chosen.photos, chosen.kilobytes * 1024)
        print("  ".join(f"{name} {value:.2f}" for name, value in figures.items()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
