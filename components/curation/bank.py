"""The single-person bank: for each person the photos that show them alone and agree, and the centre of those.

A photo whose face disagrees with the others of its name is refused; so is a near-duplicate of a better one,
which is larger or looks less edited.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from components.curation.cluster import density_clusters
from components.curation.compared import Compared, Comparison, compared
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.vectors import BLOCK, Vectors
from model.similarity import neighbours

Indices = NDArray[np.intp]
LEAST_SHARE = 0.6  # of the lone faces in a folder that must be one person for the folder to name them
NAMELESS_LINK = 0.15  # how much nearer than `link` faces must be where no name says that they belong together
PEOPLE = 256  # whose sums are held at a time
SMALLER = 0.15  # log of lengths: a copy whose face is so much smaller is as bad as one deviation in its details
NEW = "person-"  # begins the names given to people whom nobody named


@dataclass(frozen=True)
class Bank:
    """The people: names sorted, unit centres [I, d], and the person of each face [N], -1 outside the bank.

    `divided` has the names that two people seem to share, each with the number of photos of the one and of the other.
    """

    names: list[str]
    centres: NDArray[np.float32]
    member: Indices
    divided: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Person:
    members: Indices
    refused: list[tuple[int, str, str]]  # face, reason, detail
    clusters: tuple[int, int] = (0, 0)  # photos of the face that they show most often, and of the next


def build_bank(
    found: Found, good: NDArray[np.bool_], config: CurationConfig, folder: Path
) -> tuple[Bank, list[Reject]]:
    """Build the bank from the photos with one face; `good` [N] marks the faces that may be named.

    Comparisons of photos are kept in `folder`.

    Where no photo of the whole folder carries a name, lone faces that are close together become nameless people.
    """
    alone = np.flatnonzero((found.counts == 1)[found.photo] & good)
    torn: dict[str, _Person] = {}
    if any(photo.item.person for photo in found.photos):
        people, torn = _named(found, alone, config, folder)
    else:
        people = _nameless(found, alone, config, folder)
    kept = {name: person for name, person in sorted(people.items()) if len(person.members) >= config.min_references}
    member = np.full(len(found.photo), -1, np.intp)
    for number, person in enumerate(kept.values()):
        member[person.members] = number
    doubtful = sorted({**torn, **people}.items())
    divided = {name: person.clusters for name, person in doubtful if person.clusters[1] >= 2}
    bank = Bank(list(kept), centres(found.unit, member, len(kept)), member, divided)
    return bank, _rejects(found, people, bank, config)


def centres(unit: Vectors, member: Indices, people: int) -> NDArray[np.float32]:
    """[people, d] the unit mean of each person's rows of `unit` [N, d]; `member` [N] names them, -1 nobody."""
    found = np.empty((people, unit.shape[1]), np.float32)
    for block, faces in by_people(member, people):
        total = sums(unit.of(faces), member[faces] - block.start, block.stop - block.start)
        found[block] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return found


def by_people(member: Indices, people: int) -> Iterator[tuple[slice, Indices]]:
    """Some people at a time, with the places of their faces in `member` [N], person by person."""
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(people + 1))
    for first in range(0, people, PEOPLE):
        last = min(first + PEOPLE, people)
        yield slice(first, last), order[starts[first] : starts[last]]


def sums(unit: Vectors, member: Indices, people: int) -> NDArray[np.float64]:
    """[people, d] the sum of each person's rows of `unit` [N, d]."""
    total = np.zeros((people, unit.shape[1]), np.float64)
    for start in range(0, len(member), BLOCK):
        block = slice(start, start + BLOCK)
        np.add.at(total, member[block], unit[block].astype(np.float64))
    return total


def _named(
    found: Found, alone: Indices, config: CurationConfig, folder: Path
) -> tuple[dict[str, _Person], dict[str, _Person]]:
    """The people by name; and by theirs, folders that name nobody as two people have most of the faces in them."""
    faces: dict[tuple[str, str], array[int]] = {}
    for face, photo in zip(alone.tolist(), found.photos_of(alone), strict=True):
        if photo.item.person:
            faces.setdefault((photo.item.person, photo.item.named_by), array("q")).append(face)
    people, torn = {}, {}
    groups = (np.array(indices, np.intp) for indices in faces.values())
    for (name, named_by), person in zip(faces, _agreeing(found, groups, config, folder), strict=True):
        agreeing, others = len(person.members), sum(reason != "near_duplicate" for _, reason, _ in person.refused)
        if named_by == "csv" or (agreeing >= 2 and agreeing >= LEAST_SHARE * (agreeing + others)):
            people[name] = person
        elif sum(person.clusters) >= LEAST_SHARE * (agreeing + others):
            torn[name] = person
    return people, torn


def _nameless(found: Found, alone: Indices, config: CurationConfig, folder: Path) -> dict[str, _Person]:
    labels = density_clusters(found.unit.of(alone), config.link + NAMELESS_LINK, 2)
    people = {}
    order = np.argsort(labels, kind="stable")
    groups = np.split(alone[order], np.searchsorted(labels[order], np.arange(labels.max(initial=-1) + 1)))[1:]
    for person in _agreeing(found, groups, config, folder):
        if len(person.members) >= 2:
            first = min(photo.image_id for photo in found.photos_of(person.members))
            people[NEW + first] = person
    return people


def _agreeing(found: Found, groups: Iterable[Indices], config: CurationConfig, folder: Path) -> Iterator[_Person]:
    """Of the faces of each name those that agree with one another: the largest cluster, without near-duplicates."""
    groups, again = tee(groups)
    people = (Comparison(faces, np.zeros(len(faces), np.bool_)) for faces in again)
    for faces, told in zip(groups, compared(found, people, folder), strict=True):
        yield _person(found, faces, told, config)


def _person(found: Found, faces: Indices, told: Compared, config: CurationConfig) -> _Person:
    refused = []
    copy_of = _copies(found, faces, told)
    for face, original in copy_of.items():
        path = found.photos[found.photo[original]].item.path
        refused.append((face, "near_duplicate", f"it is a copy of {path}"))
    distinct = np.array([face for face in faces if int(face) not in copy_of], np.intp)
    if len(distinct) == 1:
        return _Person(distinct, refused)
    labels = density_clusters(found.unit[distinct], config.link, 2 if len(distinct) < 6 else 3)
    sizes = np.bincount(labels[labels >= 0], minlength=2)
    clusters = (int(sizes[0]), int(sizes[1]))
    if sizes[0] == sizes[1]:  # also where nothing clusters
        detail = f"its person's {len(distinct)} photos show no one face most often: name them apart"
        return _Person(distinct[:0], refused + [(int(face), "inconsistent", detail) for face in distinct], clusters)
    detail = "its face is not the one that most photos of this person show"
    refused += [(int(face), "outlier", detail) for face in distinct[labels != 0]]
    return _Person(distinct[labels == 0], refused, clusters)


def _copies(found: Found, faces: Indices, told: Compared) -> dict[int, int]:
    """The near-duplicates among `faces`, each with the better one that is kept."""
    count, picture = connected_components(told.same, directed=False)  # copies may differ more than from the original
    width, height = np.maximum(found.box[faces, 2:] - found.box[faces, :2], 1).T
    size = np.log(width * height) / 2
    largest = np.full(count, -np.inf)
    np.maximum.at(largest, picture, size)
    order = np.argsort(told.unnatural + ((largest[picture] - size) / SMALLER) ** 2, kind="stable")
    _, best = np.unique(picture[order], return_index=True)
    kept = faces[order[best[picture]]]
    return {int(face): int(original) for face, original in zip(faces, kept, strict=True) if face != original}


def _rejects(found: Found, people: dict[str, _Person], bank: Bank, config: CurationConfig) -> list[Reject]:
    rejects = []
    known = set(bank.names)
    for name, person in people.items():
        refused = np.array([face for face, _, _ in person.refused], np.intp)
        for (face, reason, detail), photo in zip(person.refused, found.photos_of(refused), strict=True):
            shown = _shown(found, face, bank, config) if reason == "outlier" else None
            why = ("mislabelled", f"it is named {name} but shows {shown}") if shown else (reason, detail)
            rejects.append(Reject(photo.item.path, "bank", *why))
        if name not in known:
            detail = f"{name} has {len(person.members)} bank photos, min_references={config.min_references}"
            paths = [photo.item.path for photo in found.photos_of(person.members)]
            rejects += [Reject(path, "bank", "few_references", detail) for path in paths]
    return rejects


def _shown(found: Found, face: int, bank: Bank, config: CurationConfig) -> str | None:
    """The name of the person of the bank whose face this plainly is."""
    if not bank.names:
        return None
    similarity = bank.centres @ found.unit[face]
    best = int(np.argmax(similarity))
    return bank.names[best] if similarity[best] >= config.link + config.margin else None


def lookalike(bank: Bank, config: CurationConfig) -> csr_array:
    """The sparse [I, I] cosines of centres so near that two names may stand for one person, and the diagonal."""
    return neighbours(bank.centres, config.link + NAMELESS_LINK)
