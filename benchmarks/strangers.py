"""Prints how many strangers a dataset's bank would take for its own: python -m benchmarks.strangers DATASET OTHER...

The people of each OTHER dataset, such as that of a cast of another seed, must be strangers to DATASET. All their faces
go through its retrieval, photo by photo, at its threshold and with its settings. A cast keeps its own people, strangers
included, from looking alike (`photos.likeness`); the second row holds that of these strangers too. Below the table: how
many of them are look-alikes, told by the centres of all their faces, which no threshold on single faces can tell apart.
"""

from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from components.curation.album import Album, Photo
from components.curation.bank import Bank, centres
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.items import Item
from components.curation.retrieve import retrieve
from components.curation.vectors import Vectors
from components.photos.config import PhotosConfig
from model.dataset.dataset import Dataset
from model.errors import UserError

DRAWS = 2000
LIKENESS = PhotosConfig().likeness  # how alike two people of a cast may be
Hits = NDArray[np.bool_]


def bank_of(dataset: Dataset, faces: int) -> Bank:
    """The people of a dataset as a bank to which none of `faces` faces belongs."""
    return Bank(list(dataset.identities.index), dataset.centres, np.full(faces, -1, np.intp))


def found_of(dataset: Dataset) -> Found:
    """The faces of a dataset as the faces pass finds them, nameless; what no table holds is zero."""
    images, faces = dataset.images, dataset.faces
    place = {image_id: number for number, image_id in enumerate(images.index)}
    size = zip(images.index, images["path"], images["width"], images["height"], strict=True)
    count = len(faces)
    return Found(
        photos=Album.over([Photo(Item(path), image_id, w, h, 0, 0, 0, 0, bytes) for image_id, path, w, h in size]),
        photo=np.array([place[image_id] for image_id in faces["image_id"]], np.intp),
        box=np.stack(faces["box"].to_list()),
        landmarks=np.stack(faces["landmarks"].to_list()),
        score=faces["score"].to_numpy(np.float32),
        sharpness=faces["sharpness"].to_numpy(np.float32),
        exposure=np.zeros(count, np.float32),
        fingerprint=np.zeros(count, np.uint64),
        embedding=Vectors.whole(dataset.embeddings),
    )


def named(dataset: Dataset, other: Dataset) -> Hits:
    """[N] which faces of `other` get a name of `dataset`; UserError where their embeddings cannot be compared."""
    if dataset.manifest["recogniser"] != other.manifest["recogniser"]:
        raise UserError(f"{other.folder} was embedded by another recogniser than {dataset.folder}; curate it again")
    found = found_of(other)
    settings = CurationConfig.model_validate(dataset.manifest["settings"])
    good = found.sharpness >= settings.min_sharpness
    threshold = float(dataset.manifest["calibration"]["threshold"])
    return retrieve(found, bank_of(dataset, len(good)), good, threshold, settings) >= 0


def interval(hits: Hits, person: NDArray[np.intp]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the share of `hits` [N], drawn by `person` [N].

    Faces of one person are hit or missed together, so people are drawn, not faces.
    """
    total, hit = np.bincount(person), np.bincount(person, hits)
    drawn = np.random.default_rng(0).integers(len(total), size=(DRAWS, len(total)))
    low, high = np.percentile(hit[drawn].sum(axis=1) / total[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def nearest(unit: NDArray[np.float32], person: NDArray[np.intp], people: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N] the cosine of the centre of each face's person to the nearest of the unit centres `people` [I, d]."""
    own = centres(Vectors.whole(unit), person, int(person.max()) + 1)
    return np.asarray((own @ people.T).max(axis=1)[person])


def main(dataset: Path, others: list[Path]) -> None:
    """Measure and print, for all strangers and for those that a cast of default likeness would have let in."""
    opened = Dataset.open(dataset)
    hits, names, unit = [], [], []
    for folder in others:
        other = Dataset.open(folder)
        hits.append(named(opened, other))
        owners = other.faces["identity"].fillna(other.faces["face_id"])  # a nameless face is somebody of its own
        names += [f"{folder} {owner}" for owner in owners]
        unit.append(found_of(other).unit[:])
    hit, faces = np.concatenate(hits), np.concatenate(unit)
    _, person = np.unique(names, return_inverse=True)
    likeness = nearest(faces, person, opened.centres)
    unlike = likeness <= LIKENESS
    table = Table("strangers", "people", "faces", "given a name", "share", "95 % interval")
    groups = {"all": np.ones(len(hit), np.bool_), f"at most {LIKENESS:g} like anybody in the bank": unlike}
    for name, rows in groups.items():
        people = np.unique(person[rows], return_inverse=True)[1]
        low, high = interval(hit[rows], people)
        counts = (str(people.max() + 1), str(rows.sum()), str(hit[rows].sum()))
        table.add_row(name, *counts, f"{hit[rows].mean():.4f}", f"{low:.4f} to {high:.4f}")
    console = Console()
    console.print(table)
    _, first = np.unique(person, return_index=True)  # a face of each
    for bound in (LIKENESS, float(opened.manifest["calibration"]["threshold"])):
        share = (likeness[first] > bound).mean()
        console.print(f"{share:.1%} of these people are more than {bound:g} like the nearest in the bank, as a whole")


if __name__ == "__main__":
    typer.run(main)
