"""Times the faces pass beside one photo at a time: python -m benchmarks.curation PHOTOS [PHOTOS ...] [--limit N].

Plain: the networks as torch runs them on one photo after the other, with as many threads as it likes, and with one
(less disturbed where other programs work): decode, detect, align, embed. Ours, the same work: the product's networks,
one photo a core. Ours, the whole pass: that, and fingerprints, measures, the JPEG that is stored, its digest and the
tables. Networks for nothing: the whole pass with what the networks said remembered, which is what the cores have to do
beside a GPU however fast. Nobody loads networks on the clock. Ways take turns, so that other work on the machine meets
all of them; ratios are to the faster of the plain ways.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from components.curation.config import CurationConfig
from components.curation.decode import open_photo
from components.curation.faces_pass import find_faces
from components.curation.items import Item, item_table, items_of
from components.curation.looked import Looks
from components.curation.seen import listed
from components.curation.sources.folder import scan
from components.files import digest_table
from model.boxes import iou
from model.cores import cores
from model.faces.analyser import Analyser, Face, FaceAnalyser, PlanesToEmbeddings
from model.faces.detector import Detector, PlanesToFaces
from model.faces.inference import Eager, Inference
from model.faces.recogniser import load_recogniser

ROUNDS = 3
CORES = cores()
Seen = dict[str, list[tuple[NDArray[np.float32], NDArray[np.float32]]]]  # boxes and embeddings by the photo's path
console = Console()


def plain_analyser(name: str) -> FaceAnalyser:
    """The embedded networks, run by torch one picture at a time."""
    detector, recogniser = Detector.load(), load_recogniser(name)
    analyser = FaceAnalyser(detector, recogniser)
    detector.infer = Eager(PlanesToFaces(detector.network), "cpu", at_once=1)
    analyser.infer = Eager(PlanesToEmbeddings(recogniser), "cpu", at_once=1)
    return analyser


def looker(root: Path, analyser: Analyser, config: CurationConfig) -> Callable[[Item], list[Face]]:
    """What reads and decodes a photo and finds its faces."""

    def look(item: Item) -> list[Face]:
        return analyser.analyse([np.asarray(open_photo(root / item.path, config))])[0]

    return look


class Remembered:
    """What a network said of each picture, told again."""

    at_once = 1

    def __init__(self, network: Inference) -> None:
        self.network, self.said = network, dict[bytes, list[NDArray[np.float32]]]()

    def __call__(self, planes: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        key = planes[:, :, ::29, ::29].tobytes()
        if key not in self.said:
            self.said[key] = self.network(planes)
        return self.said[key]


def remembering(analyser: FaceAnalyser) -> FaceAnalyser:
    """The same with networks that work once."""
    detector = copy(analyser.detector)
    detector.infer = Remembered(detector.infer)
    found = FaceAnalyser(detector, analyser.recogniser)
    found.infer = Remembered(analyser.infer)
    return found


def ways_of(root: Path, items: list[Item], config: CurationConfig) -> dict[str, Callable[[], Seen]]:
    """The ways to look at the photos, the plain ones first."""
    fast = FaceAnalyser(Detector.load(), load_recogniser(config.recogniser))
    plain = looker(root, plain_analyser(config.recogniser), config)

    def seen(faces: Sequence[list[Face]]) -> Seen:
        found = zip(items, faces, strict=True)
        return {item.path: [(face.box, face.embedding) for face in of_photo] for item, of_photo in found}

    def one_by_one(threads: int) -> Seen:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return seen([plain(item) for item in items])
        finally:
            torch.set_num_threads(before)

    def threads() -> Seen:
        with ThreadPoolExecutor(CORES) as pool:
            return seen(list(pool.map(looker(root, fast, config), items)))

    files = digest_table(root, [item.path for item in items])  # the step before lists them

    def whole(analyser: Analyser) -> Seen:
        with tempfile.TemporaryDirectory() as folder, Looks(Path(folder)) as looks:
            found, _ = find_faces(root, listed(item_table(items), files), config, lambda: analyser, looks)
        rows: Seen = {item.path: [] for item in items}
        for photo, box, embedding in zip(found.photo, found.box, found.embedding[:], strict=True):
            rows[found.photos[photo].item.path].append((box, embedding))
        return rows

    return {
        "plain, all threads": lambda: one_by_one(torch.get_num_threads()),
        "plain, one thread": lambda: one_by_one(1),
        "ours, same work": threads,
        "ours, whole pass": partial(whole, fast),
        "ours, networks for nothing": partial(whole, remembering(fast)),
    }


def measure(root: Path, limit: int, config: CurationConfig) -> None:
    """Time the ways on the photos below `root` and print how they compare."""
    items = [item for item in items_of(scan(root)[0]) if _readable(root / item.path, config)][:limit]
    ways = ways_of(root, items, config)
    results = {name: way() for name, way in ways.items()}  # warms up
    wall: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start, cpu = time.perf_counter(), time.process_time()
            way()
            wall[name].append(time.perf_counter() - start)
            busy[name].append((time.process_time() - cpu) / wall[name][-1] / CORES)
    show(f"{root.name}: {len(items)} photos, {CORES} cores, load {os.getloadavg()[0]:.1f}", len(items), wall, busy)
    first, *others = results.values()
    overlap, cosine = np.min([least(first, other) for other in others], axis=0)
    console.print(f"all against the first: least IoU {overlap:.4f}, least cosine {cosine:.6f}")


def show(title: str, count: int, wall: Mapping[str, list[float]], busy: Mapping[str, list[float]]) -> None:
    """Print photos a second (median), the ratio to the faster plain way and the share of the cores in use."""
    table = Table("way", "photos/s", "times as fast", "cores busy", title=f"{title} (medians of {ROUNDS})")
    plain = min(statistics.median(seconds) for name, seconds in wall.items() if name.startswith("plain"))
    for name, seconds in wall.items():
        middle = statistics.median(seconds)
        table.add_row(name, f"{count / middle:.1f}", f"{plain / middle:.2f}", f"{statistics.median(busy[name]):.0%}")
    console.print(table)


def least(first: Seen, second: Seen) -> tuple[float, float]:
    """The least IoU and cosine over the faces of `first` and their best matches; 0 where numbers of faces differ."""
    overlaps, cosines = [1.0], [1.0]
    for path, faces in first.items():
        if len(faces) != len(second[path]):
            return 0.0, 0.0
        for box, embedding in faces:
            overlap = iou(box, np.stack([other for other, _ in second[path]]))[0]
            match = second[path][int(overlap.argmax())][1]
            overlaps.append(float(overlap.max()))
            cosines.append(float(embedding @ match / np.linalg.norm(embedding) / np.linalg.norm(match)))
    return min(overlaps), min(cosines)


def _readable(path: Path, config: CurationConfig) -> bool:
    try:
        open_photo(path, config)
    except Exception:  # noqa: BLE001  (what cannot be read is nobody's work here)
        return False
    return True


def main() -> None:
    """Measure on each folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=200, help="most photos of a folder")
    given = parser.parse_args()
    for root in given.photos:
        measure(root, given.limit, CurationConfig())


if __name__ == "__main__":
    main()
