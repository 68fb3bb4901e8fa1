"""Finds the people of the bank among all other faces: threshold, margin, and nobody twice in one photo."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from components.curation.bank import Bank
from components.curation.config import CurationConfig
from components.curation.found import Found
from model.similarity import nearest

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
    candidates = np.flatnonzero(good & (bank.member < 0))
    hits = candidates[nearest(found.unit.of(candidates), bank.centres) >= threshold]
    rows = candidates[np.isin(found.photo[candidates], found.photo[hits])]
    number = {name: place for place, name in enumerate(bank.names)}
    starts = np.flatnonzero(np.diff(found.photo[rows], prepend=-1))
    for start, end in pairwise(np.append(starts, len(rows))):
        faces = rows[start:end]
        owner = number.get(found.photos[found.photo[faces[0]]].item.person)
        identity[faces] = assign(found.unit[faces] @ bank.centres.T, owner, threshold, config.margin)
    return identity


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
