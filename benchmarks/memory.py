"""Prints the peak memory of curation as folders grow: python -m benchmarks.memory PORTRAITS [--counts N ...] [--seen].

PORTRAITS has one sub-folder of photos a person. They are shrunk to `SIDE` pixels and repeated: person k of a made
folder has `EACH` photos of portrayed person k modulo their number, each file made another by a comment in it. So the
more people there are, the more look alike. The command `curate` runs in a process of its own, whose peak is what the
kernel counts as resident. With --seen the faces pass finds what it saw in the portraits under the keys of all files, so
that the networks rest, all else is done, and stored photos are decoded once more; embeddings are turned with each
repetition then, so that all people are different ones.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from components.curation.faces_pass import PART
from components.curation.kept import KEY, Kept
from components.curation.looked import ROW
from components.files import read_files
from components.photos import step as photos_step
from components.photos.config import PhotosConfig
from model.artefacts import cache_folder, read_json
from model.progress import track

SIDE = 160  # pixels
EACH = 8  # photos a person
SETTINGS = {"kinds": "false", "text": "keep", "max_nsfw": "1.0", "min_face": "24"}  # of curate: the faces pass alone


@dataclass(frozen=True)
class Peak:
    """What one run took: `memory` is its peak in bytes, `images` what came into the dataset."""

    photos: int
    memory: int
    seconds: float
    images: int
    faces: int


def portraits(folder: Path) -> list[list[bytes]]:
    """The first photos of each person of `folder` as small JPEGs; people with fewer than `EACH` are left out."""
    people = [sorted(place.glob("*.jpg"))[:EACH] for place in sorted(folder.iterdir()) if place.is_dir()]
    return [[_small(path) for path in paths] for paths in people if len(paths) == EACH]


def _small(path: Path) -> bytes:
    buffer = BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def commented(jpg: bytes, text: str) -> bytes:
    """The JPEG with a comment before its end, so that the same pixels are another file."""
    words = text.encode()
    return jpg[:-2] + b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words + jpg[-2:]


def path_of(number: int) -> str:
    """Where photo `number` of a made folder lies in it."""
    return f"person {number // EACH:06}/{number % EACH}.jpg"


def make(people: Sequence[Sequence[bytes]], count: int, place: Path) -> Path:
    """Write `count` photos below `place` and list them; returns the artefact of the step `photos`."""
    for number in range(count):
        path = place / "album" / path_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(commented(people[number // EACH % len(people)][number % EACH], str(number)))
    photos_step.run(photos=place / "photos", config=PhotosConfig(folder=str(place / "album")))
    return place / "photos"


def curate(photos: Path, place: Path) -> Peak:
    """Curate `photos` into `place` in a process of its own, with the cache `place/cache`."""
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"curate.{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "curate",
        "--photos",
        str(photos),
        "--out",
        str(place / "dataset"),
    ]
    start = time.perf_counter()
    with open(place / "log.txt", "w", encoding="utf-8") as log:
        child = subprocess.Popen(
            [*command, *changes], stdout=log, stderr=log, env=os.environ | {"WITHANYONE_CACHE": str(place / "cache")}
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"curation failed: {(place / 'log.txt').read_text(encoding='utf-8')[-2000:]}")
    counts = read_json(place / "dataset" / "manifest.json")["counts"]
    seconds = time.perf_counter() - start
    return Peak(counts["photos"], usage.ru_maxrss * 1024, seconds, counts["images"], counts["faces"])


def fill(store: Path, unique: Path, photos: Path, place: Path) -> None:
    """Keep in the cache of `place` what `store` has of the photos `unique`, under the keys of all `photos`."""
    known, wanted = read_files(unique), read_files(photos)
    with Kept(store, ROW) as source:
        rows = source.rows([known[path_of(number)] for number in range(len(known))]).to_pylist()
    keys = [wanted[path_of(number)] for number in range(len(wanted))]
    with Kept(place / "cache" / store.relative_to(store.parents[3]), ROW) as target:
        for start in track(range(0, len(keys), PART["cpu"]), "rows", unit="part"):
            numbers = range(start, min(start + PART["cpu"], len(keys)))
            again = [(rows[number % len(rows)], number // len(rows)) for number in numbers]
            target.add([row | {KEY: keys[n], "embedding": turned(row, turn)} for n, (row, turn) in zip(numbers, again)])


def turned(row: dict[str, Any], turn: int) -> NDArray[np.float32]:
    """The embeddings of a row in coordinates of this turn's own: as like one another as ever, like no other turn's."""
    rng = np.random.default_rng(turn)
    dim = row["dim"] or 1
    signs, order = rng.choice([-1, 1], dim).astype(np.float32), rng.permutation(dim)
    return np.asarray((np.array(row["embedding"], np.float32).reshape(-1, dim)[:, order] * signs).ravel())


def measure(people: Sequence[Sequence[bytes]], counts: Sequence[int], seen: bool, scratch: Path) -> list[Peak]:
    """Curate folders of so many photos, each in a cache of its own that shares the networks' weights."""
    weights = cache_folder("weights")
    peaks: list[Peak] = []
    for count in (sum(map(len, people)), *counts) if seen else counts:
        place = scratch / str(len(peaks))
        (place / "cache").mkdir(parents=True)
        (place / "cache" / "weights").symlink_to(weights)
        photos = make(people, count, place)
        if peaks and seen:
            store = next((scratch / "0" / "cache" / "work" / "curate").glob("*/rows"))
            fill(store, scratch / "0" / "photos", photos, place)
        peaks.append(curate(photos, place))
    return peaks[1:] if seen else peaks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--seen", action="store_true", help="rest the networks")
    parser.add_argument("--scratch", type=Path, help="where folders are made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        peaks = measure(portraits(given.portraits), given.counts, given.seen, Path(scratch))
    way = "faces pass seen before" if given.seen else "networks at work"
    table = Table("photos", "images", "faces", "seconds", "peak, MB", "bytes a further photo", title=f"curate, {way}")
    for before, peak in zip([None, *peaks], peaks, strict=False):
        more = f"{(peak.memory - before.memory) / (peak.photos - before.photos):,.0f}" if before else ""
        row = (peak.photos, peak.images, peak.faces, round(peak.seconds), round(peak.memory / 1e6))
        table.add_row(*(f"{value:,}" for value in row), more)
    Console().print(table)


if __name__ == "__main__":
    main()
