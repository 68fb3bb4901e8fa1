"""Lists how a curated dataset and labels of another recogniser differ: python -m benchmarks.weak_labels DATASET LABELS.

LABELS is a JSON file beside the photos that gives for each file name the faces that were found: `box` (x1 y1 x2 y2 in
pixels of the file) and `identity`, null where it is not known. Such labels are no truth: each difference is to be
looked at. A photo without labels is one in which nobody was found; where it was kept, it is listed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from model.artefacts import read_json
from model.boxes import iou
from model.dataset.dataset import Dataset

SAME_FACE = 0.3  # least overlap (IoU) of the boxes of one face: two detectors frame faces differently
Difference = tuple[str, str, str]  # its kind, the photo, the names or the reason


def compare(dataset: Dataset, labels: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Difference]:
    """Every labelled or named face once, and every photo without labels."""
    reasons = {PurePosixPath(path).name: why for path, why in zip(dataset.rejects["path"], dataset.rejects["reason"])}
    kept = {PurePosixPath(path).name: str(image) for image, path in dataset.images["path"].items()}
    for name, faces in sorted(labels.items()):
        if name in kept:
            yield from _of_photo(dataset, name, kept[name], faces)
        else:
            why = reasons.get(name, "absent")
            yield from (("photo rejected", name, f"{face['identity']} ({why})") for face in faces if face["identity"])
        if not faces:
            yield (
                ("nobody labelled, kept" if name in kept else "nobody labelled, rejected"),
                name,
                reasons.get(name, ""),
            )


def _of_photo(dataset: Dataset, name: str, image: str, labels: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    faces = dataset.faces_of(image)
    ours = [who if isinstance(who, str) else None for who in faces["identity"]]
    boxes = np.array([face["box"] for face in labels], float).reshape(-1, 4)
    overlap = iou(np.stack(faces["box"].to_list()).astype(float), boxes)
    taken = set()
    for row, who in enumerate(ours):
        best = int(overlap[row].argmax()) if len(boxes) else -1
        there = best >= 0 and overlap[row, best] >= SAME_FACE
        theirs = labels[best]["identity"] if there else None
        taken |= {best} if there else set()
        if who and theirs:
            yield ("agree" if who == theirs else "another name"), name, f"{who}, labelled {theirs}"
        elif who or theirs:
            yield ("named by curation alone" if who else "not named"), name, str(who or theirs)
    lost = [face["identity"] for number, face in enumerate(labels) if number not in taken and face["identity"]]
    yield from (("face not found", name, str(who)) for who in lost)


def main(dataset: Path, labels: Path) -> None:
    """Compare, list the differences, count all."""
    found = list(compare(Dataset.open(dataset), read_json(labels)))
    table = Table("difference", "photo", "who or why")
    for kind, photo, who in sorted(found):
        if kind not in ("agree", "nobody labelled, rejected"):
            table.add_row(kind, photo, who)
    console = Console()
    console.print(table)
    console.print(", ".join(f"{kind}: {count}" for kind, count in sorted(Counter(kind for kind, *_ in found).items())))


if __name__ == "__main__":
    typer.run(main)
