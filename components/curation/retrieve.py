"""Finds the people of the bank among all other faces: threshold, margin, and nobody twice in one photo."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from components.curation.bank import Bank
from components.curation.config import CurationConfig
from components.curation.found import Found
from model.cores import cores
from model.similarity import ROWS, close

Indices = NDArray[np.intp]
Floats = NDArray[np.float32]


def retrieve(found: Found, bank: Bank, good: NDArray[np.bool_], threshold: float, config: CurationConfig) -> Indices:
    """The person of each face [N], -1 where unknown; bank faces keep theirs, of the others only `good` [N] are named.

    In a photo the people are assigned so that the sum of similarities is greatest (Hungarian method). An assignment
    counts when it reaches the threshold and beats, by the margin, whatever else the face and the person could have been
    matched with, other matches of the photo excepted. In a photo that is named after a person, that person needs no
    margin against other people.
    """
    identity = bank.member.copy()
    number = {name: place for place, name in enumerate(bank.names)}
    for faces in _whole_photos(found, np.flatnonzero(good & (bank.member < 0))):
        near = close(found.unit[faces], bank.centres, threshold - config.margin)  # what is less far off is no rival
        starts = np.flatnonzero(np.r_[True, np.diff(found.photo[faces]) > 0])
        for first, last, photo in zip(starts, [*starts[1:], len(faces)], found.photos_of(faces[starts]), strict=True):
            cells = slice(near.indptr[first], near.indptr[last])
            if (near.data[cells] < threshold).all():
                continue
            people = np.unique(near.indices[cells])
            similarity = np.full((last - first, len(people)), -1, np.float32)
            rows = np.repeat(np.arange(last - first), np.diff(near.indptr[first : last + 1]))
            similarity[rows, np.searchsorted(people, near.indices[cells])] = near.data[cells]
            owner = np.flatnonzero(people == number.get(photo.item.person, -1))
            chosen = assign(similarity, int(owner[0]) if len(owner) else None, threshold, config.margin)
            identity[faces[first:last]] = np.append(people, -1)[chosen]  # the last is where the unknown, -1, look
    return identity


def _whole_photos(found: Found, faces: Indices) -> Iterator[Indices]:
    """Some of `faces` at a time, a tile's rows for each core, or one photo's: those of a photo come together."""
    some = ROWS * cores()
    ends = np.flatnonzero(np.diff(found.photo[faces], append=-1)) + 1
    first = 0
    while first < len(faces):
        place = np.searchsorted(ends, first + some, side="right")  # of the first end that is too far
        last = int(ends[place - 1]) if place and ends[place - 1] > first else int(ends[place])
        yield faces[first:last]
        first = last


def assign(similarity: Floats, owner: int | None, threshold: float, margin: float) -> Indices:
    """The person of each of a photo's faces, -1 where unclear, from similarities [faces, people].

    `owner` is the person that the photo is named after.
    """
    chosen = np.full(len(similarity), -1, np.intp)
    people = np.flatnonzero((similarity >= threshold).any(axis=0))
    gain = np.where(similarity[:, people] >= threshold, similarity[:, people], 0)
    faces, columns = linear_sum_assignment(gain, maximize=True)
    matched = gain[faces, columns] > 0
    faces, persons = faces[matched], people[columns[matched]]
    rivals = similarity.copy()
    rivals[:, persons] = -1  # a person or a face that is matched elsewhere in the photo is no rival
    others = similarity.copy()
    others[faces] = -1
    for face, person in zip(faces, persons, strict=True):
        rival = others[:, person].max(initial=-1)
        if person != owner:
            rival = max(rival, rivals[face].max(initial=-1))
        if similarity[face, person] - rival >= margin:
            chosen[face] = person
    return chosen
