"""Prints the peak memory of curation and validation as folders grow: python -m benchmarks.memory PORTRAITS [--new N].

PORTRAITS has one sub-folder of photos a person. They are shrunk to `SIDE` pixels and repeated: person k of a made
folder has `EACH` photos of portrayed person k modulo their number, each file made another by a comment in it. So the
more people there are, the more look alike. The commands `curate` and `validate` run in processes of their own, whose
peaks are what the kernel counts as resident. With --new the networks look at the last N photos of each folder only; of
the others they find what they saw in the portraits, all else is done, and stored photos are decoded once more.
Embeddings are turned with each repetition then, so that all people are different ones. With --new 0 networks rest.
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

from components.curation.examine import ROWS as MARKS
from components.curation.faces_pass import PART
from components.curation.kept import KEY, Kept
from components.curation.looked import ROW
from components.files import ID_DIGITS, read_files
from components.photos import step as photos_step
from components.photos.config import PhotosConfig
from model.artefacts import cache_folder, read_json
from model.progress import track

SIDE = 160  # pixels
EACH = 8  # photos a person
LIMITS = {"maximum_separation": "1.0", "maximum_leak": "1.0", "maximum_face_leak": "1.0", "minimum_spread": "-1.0"}
SETTINGS = {"min_face": "24"}  # of curate: a face of a small photo is small

# A small program between: the kernel counts what a process was before it became the command, which is what started it.
WATCH = """
import os, subprocess, sys
with open(sys.argv[1], "w", encoding="utf-8") as log:
    child = subprocess.Popen(sys.argv[2:], stdout=log, stderr=log)
    _, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Peak:
    """What a folder of so many photos took: `memory` is the peak of curating, then of validating, in bytes.

    `images` are those that came into the dataset, `seconds` those of both commands.
    """

    photos: int
    memory: tuple[int, int]
    seconds: tuple[float, float]
    images: int


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


def passes(photos: Path, place: Path) -> Peak:
    """Curate `photos` into `place` and validate that, each in a process of its own, with the cache `place/cache`."""
    dataset, result = str(place / "dataset"), str(place / "validation")
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"curate.{key}={value}")]
    limits = [word for key, value in LIMITS.items() for word in ("--set", f"validate.{key}={value}")]
    curated = _run(["curate", "--photos", str(photos), "--out", dataset, *changes], place)
    validated = _run(["validate", "--dataset", dataset, "--out", result, *limits], place)
    counts = read_json(place / "dataset" / "manifest.json")["counts"]
    memory, seconds = (curated[0], validated[0]), (curated[1], validated[1])
    return Peak(counts["photos"], memory, seconds, counts["images"])


def _run(command: list[str], place: Path) -> tuple[int, float]:
    """The peak memory in bytes and the seconds of a command; raises RuntimeError where it fails."""
    start = time.perf_counter()
    environment = os.environ | {"WITHANYONE_CACHE": str(place / "cache")}
    whole = [sys.executable, "-c", WATCH, str(place / "log.txt"), sys.executable, "-m", "pipelines.cli", *command]
    done = subprocess.run(whole, check=False, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(place / 'log.txt').read_text(encoding='utf-8')[-2000:]}")
    return int(done.stdout) * 1024, time.perf_counter() - start


def fill(source: Path, target: Path, known: list[str], wanted: list[str]) -> None:
    """Keep in the cache `target` what the cache `source` has of photos with the digests `known`, under `wanted`."""
    rows = next(source.glob("work/curate/*/rows"))
    with Kept(rows, ROW) as store:
        seen = store.rows(known).to_pylist()
    for start in track(range(0, len(wanted), PART["cpu"]), "rows", unit="part"):
        numbers = range(start, min(start + PART["cpu"], len(wanted)))
        again = [(wanted[n], seen[n % len(seen)], n // len(seen)) for n in numbers]
        with Kept(target / rows.relative_to(source), ROW) as store:
            store.add([row | {KEY: key, "embedding": turned(row, turn)} for key, row, turn in again])
    for folder in source.glob("marks/*/*"):
        with Kept(folder, MARKS) as store:
            marks = {row[KEY][:ID_DIGITS]: row for table in store.scan(["marks"]) for row in table.to_pylist()}
        said = [(key, marks.get(known[n % len(known)][:ID_DIGITS])) for n, key in enumerate(wanted)]
        with Kept(target / folder.relative_to(source), MARKS) as store:
            store.add([row | {KEY: key[:ID_DIGITS] + row[KEY][ID_DIGITS:]} for key, row in said if row])


def turned(row: dict[str, Any], turn: int) -> NDArray[np.float32]:
    """The embeddings of a row in coordinates of this turn's own: as like one another as ever, like no other turn's."""
    rng = np.random.default_rng(turn)
    dim = row["dim"] or 1
    signs, order = rng.choice([-1, 1], dim).astype(np.float32), rng.permutation(dim)
    return np.asarray((np.array(row["embedding"], np.float32).reshape(-1, dim)[:, order] * signs).ravel())


def measure(people: Sequence[Sequence[bytes]], counts: Sequence[int], new: int | None, scratch: Path) -> list[Peak]:
    """Curate folders of so many photos, each in a cache of its own that shares the networks' weights."""
    peaks: list[Peak] = []
    for count in counts if new is None else (sum(map(len, people)), *counts):
        place = scratch / str(len(peaks))
        (place / "cache").mkdir(parents=True)
        (place / "cache" / "weights").symlink_to(cache_folder("weights"))
        photos = make(people, count, place)
        if peaks and new is not None:
            known, wanted = digests(scratch / "0" / "photos"), digests(photos)
            fill(scratch / "0" / "cache", place / "cache", known, wanted[: count - new])
        peaks.append(passes(photos, place))
    return peaks if new is None else peaks[1:]


def digests(photos: Path) -> list[str]:
    """Those of the files of a made folder, in the order of their numbers."""
    files = read_files(photos)
    return [files[path_of(number)] for number in range(len(files))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--new", type=int, metavar="N", help="photos that the networks look at; none: all")
    parser.add_argument("--scratch", type=Path, help="where folders are made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        peaks = measure(portraits(given.portraits), given.counts, given.new, Path(scratch))
    way = "all photos new" if given.new is None else f"{given.new} photos new"
    columns = [f"{step}{figure}" for step in ("curate", "validate") for figure in (", s", ", MB", ", times")]
    table = Table("photos", "images", *columns, title=f"peak memory, {way}; times that of the row above")
    for before, peak in zip([None, *peaks], peaks, strict=False):
        row = [f"{peak.photos:,}", f"{peak.images:,}"]
        for step in range(2):
            more = f"{peak.memory[step] / before.memory[step]:.2f}" if before else ""
            row += [f"{peak.seconds[step]:,.0f}", f"{peak.memory[step] / 1e6:,.0f}", more]
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
