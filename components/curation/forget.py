"""Forget a person: a tombstone in the photo folder, kept rows dropped, the next dataset version made without them."""

import datetime as dt
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.curation import step
from components.curation.config import CurationConfig
from components.curation.faces_pass import find_faces
from components.curation.forgotten import Forgotten, drop_answers
from components.curation.looked import Looks
from components.curation.networks import load
from components.curation.seen import listed
from components.curation.sources.folder import scan
from components.files import ID_DIGITS, digest, digest_table, read_about, read_files
from components.photos.config import PhotosConfig
from components.photos.step import run as bring
from components.photos.urls.kept import forget_downloads
from components.tombstones import Tombstone, name_digest
from model.artefacts import work_folder
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.similarity import nearest
from model.words import counted


@dataclass(frozen=True)
class Forgetting:
    """What was done: photos left out, their files, and the greatest cosine of a face that is left to the person's.

    `ids` are those of all photos that are known to show one who is forgotten, whether they are there or not. `limit` is
    the cosine from which on a face counts as the person's; both are None for a person known by name alone.
    """

    photos: int
    files: list[Path]
    ids: frozenset[str]
    nearest: float | None
    limit: float | None


def forget(person: str, folder: Path, dataset: Path) -> Forgetting:
    """Forget `person` in the photo folder `folder`, and make the next version of the dataset that was made of it.

    The name may be written in another case, spacing or Unicode form. May be repeated, also after it was stopped. The
    photos themselves are left to their owner. Raises UserError where neither the dataset, nor an earlier tombstone, nor
    the photo folder knows the name, and where the dataset is not of these photos.
    """
    homes = _homes(folder)
    stones = {_who(stone): stone for home in homes for stone in Forgotten.read(home).people}
    opened = Dataset.open(dataset)
    _refuse_others(folder, opened)
    known = [name for name in map(str, opened.identities.index) if name_digest(name) == name_digest(person)]
    name = person if person in known else next(iter(known), "")
    if name:
        stone = _of_centre(person, opened, opened.centres[list(opened.identities.index).index(name)], name)
    else:
        stone = _earlier(person, stones.values(), opened) or _of_folder(person, folder, opened)
    if before := stones.get(_who(stone)):  # made for another dataset of these photos, which had other ones
        stone = stone.model_copy(update={"photos": tuple(sorted({*stone.photos, *before.photos}))})
    stones[_who(stone)] = stone
    for home in homes:
        Forgotten(people=tuple(stones.values())).write(home)
    _drop_kept(stone)
    settings = CurationConfig.model_validate({**opened.manifest["settings"], "previous": str(dataset)})
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        bring(photos=photos, config=PhotosConfig(folder=str(folder)))
        try:
            step.run(photos=photos, dataset=dataset, config=settings)
        except UserError as error:
            raise UserError(
                f"the person is left out from now on, but no next version can be made ({error}): delete {dataset}, "
                "which still holds them"
            ) from error
        digests = read_files(photos)
    after = Dataset.open(dataset)
    gone = set(after.rejects.loc[after.rejects["reason"] == "forgotten", "path"])
    files = [folder / path for path, key in digests.items() if key in gone]
    ids = frozenset(key[:ID_DIGITS] for key in gone).union(*(stone.photos for stone in stones.values()))
    return Forgetting(len(gone), files, ids, _nearest(stone, after), stone.similarity if stone.centre else None)


def _homes(folder: Path) -> list[Path]:
    """The folders that keep the tombstones: `folder`, and before it that of the list which it was downloaded from."""
    with suppress(UserError):
        about, place = read_about(folder.parent)
        if place.resolve() == folder.resolve() and "list" in about:
            return [Path(about["list"]).parent, folder]
    return [folder]


def _refuse_others(folder: Path, dataset: Dataset) -> None:
    """Raise UserError where `folder` does not hold the dataset's photos: others would replace them in it."""
    place = folder
    with suppress(UserError):  # no output of the step photos, as it should be
        place = read_about(folder)[1]
    if place.is_dir() and place.resolve() != folder.resolve():
        raise UserError(
            f"{folder} is what the step photos wrote, and is not looked into for who is forgotten: give the folder of "
            f"the photos, {place}"
        )
    paths = scan(folder)[0]["path"].to_pylist()
    known = set(dataset.images["image_id"])
    if paths and not any(digest(folder / path)[:ID_DIGITS] in known for path in paths):
        raise UserError(
            f"none of the photos in {folder} is in the dataset {dataset.folder}: give the folder that it was made of, "
            "or delete the dataset where these photos are gone"
        )


def _of_centre(person: str, dataset: Dataset, centre: NDArray[np.float32], name: str | None = None) -> Tombstone:
    """Faces count as the person's from the margin below the similarity at which faces are given the name."""
    similarity = max(0.0, dataset.manifest["calibration"]["threshold"] - dataset.manifest["settings"]["margin"])
    shown = (_similarities(dataset, centre) >= similarity) | (dataset.faces["identity"] == name)
    return Tombstone(
        name_sha256=name_digest(person),
        photos=tuple(sorted(set(dataset.faces.loc[shown, "image_id"]))),
        recogniser=dataset.manifest["recogniser"]["digest"],
        centre=tuple(centre.tolist()),
        similarity=similarity,
        since=dt.datetime.now(dt.UTC).date(),
    )


def _who(stone: Tombstone) -> tuple[str, str]:
    """What tells tombstones apart: datasets of one folder may have faces of several recognisers."""
    return stone.name_sha256, stone.recogniser


def _earlier(person: str, stones: Iterable[Tombstone], dataset: Dataset) -> Tombstone | None:
    """The tombstone that the person has, rather one whose faces are of the dataset's recogniser."""
    known = [stone for stone in stones if stone.name_sha256 == name_digest(person)]
    own = (stone for stone in known if stone.recogniser == dataset.manifest["recogniser"]["digest"])
    return next(own, None) or next(iter(known), None)


def _of_folder(person: str, folder: Path, dataset: Dataset) -> Tombstone:
    """The tombstone of a person who is named in the photo folder alone, such as one with a single photo.

    It has a centre where the person's photos alone agree on a face that is nobody's of the dataset.
    """
    nameless = Tombstone(name_sha256=name_digest(person), photos=(), since=dt.datetime.now(dt.UTC).date())
    items, _ = scan(folder)
    by_name = Forgotten(people=(nameless,))
    pairs = zip(items["path"].to_pylist(), items["person"].to_pylist(), strict=True)
    items = items.filter(pa.array([by_name.named(path, name) for path, name in pairs], pa.bool_()))
    if not len(items):
        raise UserError(
            f"person '{person}' is not in the dataset {dataset.folder}, which has "
            f"{counted(len(dataset.identities), 'person')}, "
            f"nor named in {folder}: give the name as identities.parquet or photos.csv has it"
        )
    files = digest_table(folder, items["path"].to_pylist())
    bearing = {key[:ID_DIGITS] for key in files["sha256"].to_pylist()}
    config = CurationConfig.model_validate(dataset.manifest["settings"])
    with tempfile.TemporaryDirectory() as scratch, Looks(Path(scratch)) as looks:  # nothing of these faces is kept
        found, _ = find_faces(folder, listed(items, files), config, partial(load, config), looks)
        faces = np.asarray(found.unit[np.flatnonzero((found.counts == 1)[found.photo])])
    faces = faces[nearest(faces, dataset.centres) < dataset.manifest["calibration"]["threshold"]]
    stone = nameless
    if len(faces) and (faces @ faces.T >= config.link).all():
        mean = faces.mean(axis=0)
        stone = _of_centre(person, dataset, mean / np.linalg.norm(mean))
    return stone.model_copy(update={"photos": tuple(sorted({*stone.photos, *bearing}))})


def _drop_kept(stone: Tombstone) -> None:
    """Drop what is kept of the person's photos, under whatever settings they were looked at."""
    drop_answers(stone.photos)
    forget_downloads(stone.photos)
    for folder in sorted(work_folder("curate", ".").iterdir()):
        with Looks(folder) as looks:
            keys = looks.showing(set(stone.photos), np.array(stone.centre, np.float32), stone.similarity)
            photos = {key[:ID_DIGITS] for key in keys}
            drop_answers(photos)
            forget_downloads(photos)
            looks.forget(keys)  # at the end: after a stop, they alone say which photos show the face


def _nearest(stone: Tombstone, dataset: Dataset) -> float | None:
    if not stone.centre or stone.recogniser != dataset.manifest["recogniser"]["digest"]:
        return None
    return float(_similarities(dataset, np.array(stone.centre, np.float32)).max(initial=-1.0))


def _similarities(dataset: Dataset, centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """[F] the cosine of each face of the dataset to a unit vector [d]."""
    raw = dataset.embeddings
    return np.asarray(raw @ centre / np.linalg.norm(raw, axis=1), np.float32)
