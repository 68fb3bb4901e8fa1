"""Who is who after bank and retrieval, without copies and without people that no pair could be made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from components.curation.compared import Comparison, compared, pictures
from components.curation.filters import Verdict, rejected, rejected_copies
from components.curation.found import Found
from components.curation.items import Reject

SIDES = ("train", "heldout")
LAYOUT_TOLERANCE = 0.15  # of a face's width by which faces of copies may stand differently
# Least cosine of two faces, known or not, that may be one face in two copies. It names nobody: the known faces of both
# photos are near-duplicates already, and all stand in the same places.
SAME_FACE = 0.4


@dataclass(frozen=True)
class Labels:
    """The found photos and faces with their people.

    `names` and unit `centres` [I, d] of the people; for each face [N] its person (-1: unknown), and whether it is a
    `reference`, that is of the bank.
    """

    found: Found
    names: list[str]
    centres: NDArray[np.float32]
    identity: NDArray[np.intp]
    reference: NDArray[np.bool_]

    def faces_of(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Each person that has faces, with the places of those."""
        order = np.argsort(self.identity, kind="stable")
        numbers, starts = np.unique(self.identity[order], return_index=True)
        for number, start, end in zip(numbers, starts, [*starts[1:], len(order)], strict=False):
            if number >= 0:
                yield int(number), order[start:end]

    def keep(self, photos: NDArray[np.bool_]) -> "Labels":
        """Only the marked photos."""
        rows = photos[self.found.photo]
        return replace(
            self, found=self.found.keep(photos), identity=self.identity[rows], reference=self.reference[rows]
        )


def drop_duplicates(labels: Labels, refused: NDArray[np.bool_], folder: Path) -> tuple[Labels, list[Reject]]:
    """Without photos that copy a better one or a bank photo: all known faces near-duplicates, all laid out alike.

    A bank photo cut out of a photo that stays goes too, where `model.dataset.pairs` could not tell by the tables.
    The marked photos, `refused` already as copies of bank photos, go too; what copies them is a copy all the same.
    Comparisons of photos are kept in `folder`.
    """
    found = labels.found
    rank = np.where(refused, 1, 2)
    rank[found.photo[labels.reference]] = 0
    shared: dict[tuple[int, int], int] = {}  # two photos -> faces that one copied from the other
    edited = np.zeros(len(found.photos))  # how far faces are from those of plain photos, in all
    cut: list[tuple[int, int]] = []  # bank photo, photo that shows the same face in the same picture
    ordered, orders = tee(faces[np.argsort(rank[found.photo[faces]], kind="stable")] for _, faces in labels.faces_of())
    people = (Comparison(faces, labels.reference[faces]) for faces in orders)
    for faces, told in zip(ordered, compared(found, people, folder), strict=True):
        np.add.at(edited, found.photo[faces], told.unnatural)
        for later, earlier in np.argwhere(np.tril(told.same, -1)):
            photo, original = int(found.photo[faces[later]]), int(found.photo[faces[earlier]])
            if photo != original and not labels.reference[faces[later]]:
                shared[photo, original] = shared.get((photo, original), 0) + 1
                if labels.reference[faces[earlier]] and _cut(found, faces[[later]], faces[[earlier]]):
                    cut.append((original, photo))
    keep = ~refused
    pairs: list[tuple[int, int]] = []
    for worse, better in _copies(labels, shared, rank, edited):
        if keep[worse]:
            keep[worse] = False
            pairs.append((worse, better))
    for bank, photo in sorted(cut):
        if keep[bank] and keep[photo]:
            keep[bank] = False
            pairs.append((bank, photo))
    return labels.keep(keep), rejected_copies(found, np.array(pairs, np.intp).reshape(-1, 2), "retrieve")


def _copies(
    labels: Labels, shared: dict[tuple[int, int], int], rank: NDArray[np.intp], edited: NDArray[np.float64]
) -> Iterator[tuple[int, int]]:
    """Each photo that has a better copy, also through others, and the best: by `rank`, known faces, then `pictures`.

    `shared` says how many faces two photos have in common, `edited` [photos] how far from plain their faces are in all.
    """
    found = labels.found
    photo, count = found.photo[labels.identity >= 0], len(found.photos)
    known = np.bincount(photo, minlength=count)
    pairs = [pair for pair, faces in sorted(shared.items()) if faces >= known[list(pair)].min()]
    pairs = [pair for pair in pairs if _same_layout(found, *pair)]
    rows, columns = np.array(pairs, np.intp).reshape(-1, 2).T
    length = np.bincount(photo, found.length[labels.identity >= 0], count) / np.maximum(known, 1)
    same = csr_array((np.ones(len(pairs), np.bool_), (rows, columns)), shape=(count, count))
    picture, loss = pictures(same, np.maximum(length, 1), edited / np.maximum(known, 1))
    order = np.lexsort((loss, -known, rank))
    _, first = np.unique(picture[order], return_index=True)
    best = order[first[picture]]
    for worse in np.flatnonzero((best != np.arange(count)) & (rank > 0)).tolist():
        yield worse, int(best[worse])


def _cut(found: Found, face: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    """Whether a face [1] is of a group photo, and the tables, which forbid pairs, miss that `other` is cut out."""
    return bool(found.counts[found.photo[face]] > 1) and not found.alike(face, other).any()


def _same_layout(found: Found, photo: int, other: int) -> bool:
    """Whether like faces stand alike in two photos, mirrored or not, measured in widths of faces."""
    rows, others = (np.arange(*np.searchsorted(found.photo, (place, place + 1))) for place in (photo, other))
    if len(rows) != len(others):
        return False
    first, second = _layout(found, rows), _layout(found, others)
    cosine = found.unit[rows] @ found.unit[others].T
    for sign in (1, -1):
        left, right = first[:, 0].argsort(), (second[:, 0] * sign).argsort()
        apart = np.abs(first[left] - second[right] * (sign, 1)).max()
        if apart <= LAYOUT_TOLERANCE and cosine[left, right].min() >= SAME_FACE:
            return True
    return False


def _layout(found: Found, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """[N, 2] the middles of a photo's faces around their mean, in widths of faces."""
    centres = (found.box[rows, :2] + found.box[rows, 2:]) / 2
    return np.asarray((centres - centres.mean(axis=0)) / found.side[rows].mean())


def drop_unpaired(labels: Labels) -> tuple[Labels, list[Reject]]:
    """Without people of whom no pair can be made; their bank photos go, their faces elsewhere become unknown."""
    found = labels.found
    paired = np.zeros(len(labels.names), np.bool_)
    verdicts: list[Verdict | None] = [None] * len(found.photos)
    for person, faces in labels.faces_of():
        paired[person] = bool(_can_pair(labels, faces).any())
        if paired[person]:
            continue
        if len(np.unique(found.photo[faces])) == 1:
            verdict = "one_photo", f"{labels.names[person]} appears in no other photo: add a second photo"
        else:
            verdict = "no_pair", f"{labels.names[person]} appears only in copies of it: add a second photo"
        for photo in found.photo[faces[labels.reference[faces]]]:
            verdicts[photo] = verdict
    number = np.append(np.where(paired, np.cumsum(paired) - 1, -1), -1)  # the last is where the unknown, -1, look
    kept = replace(
        labels,
        names=[name for name, stays in zip(labels.names, paired, strict=True) if stays],
        centres=labels.centres if paired.all() else labels.centres[paired],
        identity=number[labels.identity],
    )
    gone, rejects = rejected(found, verdicts, "pairs")
    return kept.keep(~gone), rejects


def count_pairs(labels: Labels, splits: list[str]) -> int:
    """How many (face, reference) pairs the photos of either side allow within their side, as `model.dataset.pairs`."""
    inside = [np.array([split == side for split in splits], np.bool_)[labels.found.photo] for side in SIDES]
    total = 0
    for _, faces in labels.faces_of():
        for side in inside:
            total += int(_can_pair(labels, faces[side[faces]]).sum())
    return total


def _can_pair(labels: Labels, faces: NDArray[np.intp]) -> NDArray[np.bool_]:
    """[T, R] of one person's faces, which of their bank faces may be the reference of which.

    Told by the faces alone, as in the tables: of photos on one backdrop those are gone by now that are one picture.
    """
    found = labels.found
    bank = faces[labels.reference[faces]]
    return ~found.alike(faces, bank) & (found.photo[faces][:, None] != found.photo[bank][None, :])
