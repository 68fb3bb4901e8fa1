"""Forget a person: a tombstone in the photo folder, kept rows dropped, the next dataset version made without them."""

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.curation import step
from components.curation.config import CurationConfig
from components.curation.examine import forget_marks
from components.curation.forgotten import Forgotten
from components.curation.items import ID_DIGITS
from components.curation.looked import Looks
from components.files import read_files
from components.photos.config import PhotosConfig
from components.photos.step import run as bring
from components.tombstones import Tombstone, name_digest
from model.artefacts import cache_folder, work_folder
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.training.feature_files import FEATURES, forget_features


@dataclass(frozen=True)
class Forgetting:
    """What was done: photos left out, their files, and the greatest cosine of a face that is left to the person's.

    `limit` is the cosine from which on a face counts as the person's; both are None for a person known by name alone.
    """

    photos: int
    files: list[Path]
    nearest: float | None
    limit: float | None


def forget(person: str, folder: Path, dataset: Path) -> Forgetting:
    """Forget `person` in the photo folder `folder`, and make the next version of the dataset that was made of it.

    The name may be written in another case, spacing or Unicode form. May be repeated, also after it was stopped. The
    photos themselves are left to their owner. Raises UserError where neither the dataset nor an earlier tombstone knows
    the name.
    """
    forgotten = Forgotten.read(folder)
    opened = Dataset.open(dataset)
    known = [name for name in map(str, opened.identities.index) if name_digest(name) == name_digest(person)]
    name = person if person in known else next(iter(known), "")
    stone = _tombstone(name, opened) if name else _earlier(person, forgotten, opened)
    others = tuple(other for other in forgotten.people if other.name_sha256 != stone.name_sha256)
    Forgotten(people=(*others, stone)).write(folder)
    _drop_kept(stone)
    settings = CurationConfig.model_validate(opened.manifest["settings"])
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        bring(photos=photos, config=PhotosConfig(folder=str(folder)))
        step.run(photos=photos, dataset=dataset, config=settings)
        digests = read_files(photos)
    after = Dataset.open(dataset)
    gone = set(after.rejects.loc[after.rejects["reason"] == "forgotten", "path"])
    files = [folder / path for path, digest in digests.items() if digest in gone]
    return Forgetting(len(gone), files, _nearest(stone, after), stone.similarity if stone.centre else None)


def _tombstone(person: str, dataset: Dataset) -> Tombstone:
    """Faces near the centre count as the person's, by the margin nearer than faces that are given the name."""
    row = list(dataset.identities.index).index(person)
    settings = dataset.manifest["settings"]
    similarity = max(0.0, dataset.manifest["calibration"]["threshold"] - settings["margin"])
    shown = (_similarities(dataset, dataset.centres[row]) >= similarity) | (dataset.faces["identity"] == person)
    return Tombstone(
        name_sha256=name_digest(person),
        photos=tuple(sorted(set(dataset.faces.loc[shown, "image_id"]))),
        recogniser=dataset.manifest["recogniser"]["digest"],
        centre=tuple(dataset.centres[row].tolist()),
        similarity=similarity,
        since=dt.datetime.now(dt.UTC).date(),
    )


def _earlier(person: str, forgotten: Forgotten, dataset: Dataset) -> Tombstone:
    for stone in forgotten.people:
        if stone.name_sha256 == name_digest(person):
            return stone
    raise UserError(
        f"person '{person}' is not in the dataset {dataset.folder}, which has {len(dataset.identities)} people: "
        "give the name as identities.parquet has it"
    )


def _drop_kept(stone: Tombstone) -> None:
    """Drop what is kept of the person's photos, under whatever settings they were looked at."""
    forget_features(stone.photos, cache_folder(FEATURES))
    for folder in sorted(work_folder("curate", ".").iterdir()):
        with Looks(folder) as looks:
            keys = looks.showing(set(stone.photos), np.array(stone.centre, np.float32), stone.similarity)
            looks.forget(keys)
            photos = {*stone.photos, *(key[:ID_DIGITS] for key in keys)}
            forget_marks(photos, cache_folder("marks"))
            forget_features(photos, cache_folder(FEATURES))


def _nearest(stone: Tombstone, dataset: Dataset) -> float | None:
    if not stone.centre or stone.recogniser != dataset.manifest["recogniser"]["digest"]:
        return None
    return float(_similarities(dataset, np.array(stone.centre, np.float32)).max(initial=-1.0))


def _similarities(dataset: Dataset, centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """[F] the cosine of each face of the dataset to a unit vector [d]."""
    raw = dataset.embeddings
    return np.asarray(raw @ centre / np.linalg.norm(raw, axis=1), np.float32)
