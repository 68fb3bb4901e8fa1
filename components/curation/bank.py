"""The single-person bank: for each person the photos that show them alone and agree, and the centre of those.

A photo whose face disagrees with the others of its name is refused; so is a near-duplicate of a better one,
which is larger or looks less edited.
"""

import logging
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from components.curation.cluster import density_clusters
from components.curation.compared import Compared, Comparison, compared, pictures
from components.curation.config import CurationConfig
from components.curation.filters import rejected_copies
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.vectors import BLOCK, Vectors
from model.similarity import neighbours

Indices = NDArray[np.intp]
LEAST_SHARE = 0.6  # of the lone faces in a folder that must be one person for the folder to name them
NAMELESS_LINK = 0.15  # how much nearer than `link` faces must be where no name says that they belong together
PEOPLE = 256  # whose sums are held at a time
NEW = "person-"  # begins the names given to people whom nobody named
log = logging.getLogger(__name__)


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
    """One person's lone faces: `members` of the bank, `copies` [C, 2] each with what it copies, and `others`.

    `clusters` are the photos of the face that they show most often, and of the next. Why a face is no member is put
    into words at the end: texts made among what goes again would keep the memory of all of it.
    """

    members: Indices
    copies: Indices
    others: Indices
    clusters: tuple[int, int] = (0, 0)


def build_bank(
    found: Found, good: NDArray[np.bool_], config: CurationConfig, folder: Path
) -> tuple[Bank, list[Reject]]:
    """Build the bank from the photos with one face; `good` [N] marks the faces that may be named.

    Comparisons of photos are kept in `folder`.

    Where no name holds, as none is given or those of folders are of places and years, lone faces that are close
    together become nameless people.
    """
    alone = np.flatnonzero((found.counts == 1)[found.photo] & good)
    people, torn = _named(found, alone, config, folder)
    if not people:
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
        agreeing, others = len(person.members), len(person.others)
        if named_by == "csv" or (agreeing >= 2 and agreeing >= LEAST_SHARE * (agreeing + others)):
            people[name] = person
        elif sum(person.clusters) >= LEAST_SHARE * (agreeing + others):
            torn[name] = person
    if faces and not people:
        log.warning(
            "no folder shows mostly one person, so none of %d names one: people are told apart by their faces alone; "
            "to name them, list them in photos.csv or put the photos of each right into a folder",
            len(faces),
        )
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
    kept = _best(found, faces, told)
    distinct = faces[kept == faces]
    copies = np.stack([faces, kept], axis=1)[kept != faces]
    if len(distinct) == 1:
        return _Person(distinct, copies, distinct[:0])
    labels = density_clusters(found.unit[distinct], config.link, 2 if len(distinct) < 6 else 3)
    sizes = np.bincount(labels[labels >= 0], minlength=2)
    agree = (labels == 0) & (sizes[0] > sizes[1])  # nobody where two faces are as frequent, or nothing clusters
    return _Person(distinct[agree], copies, distinct[~agree], (int(sizes[0]), int(sizes[1])))


def _best(found: Found, faces: Indices, told: Compared) -> Indices:
    """For each of `faces` the best of those that are one picture with it, itself where there is no better one."""
    picture, loss = pictures(told.same, found.length[faces], told.unnatural)
    order = np.argsort(loss, kind="stable")
    _, best = np.unique(picture[order], return_index=True)
    return faces[order[best[picture]]]


def _rejects(found: Found, people: dict[str, _Person], bank: Bank, config: CurationConfig) -> list[Reject]:
    pairs = [np.zeros((0, 2), np.intp), *(person.copies for person in people.values())]
    rejects = rejected_copies(found, found.photo[np.concatenate(pairs)], "bank")
    known = set(bank.names)
    for name, person in people.items():
        for face, photo in zip(person.others.tolist(), found.photos_of(person.others), strict=True):
            rejects.append(Reject(photo.item.path, "bank", *_odd(found, name, person, face, bank, config)))
        if name not in known:
            detail = f"{name} has {len(person.members)} bank photos, min_references={config.min_references}"
            paths = [photo.item.path for photo in found.photos_of(person.members)]
            rejects += [Reject(path, "bank", "few_references", detail) for path in paths]
    return rejects


def _odd(found: Found, name: str, person: _Person, face: int, bank: Bank, config: CurationConfig) -> tuple[str, str]:
    """Why a face that is no copy is no member: reason and detail."""
    if not len(person.members):
        detail = f"its person's {len(person.others)} photos show no one face most often: name them apart"
        return "inconsistent", detail
    if shown := _shown(found, face, bank, config):
        return "mislabelled", f"it is named {name} but shows {shown}"
    return "outlier", "its face is not the one that most photos of this person show"


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
