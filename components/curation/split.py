"""Who is held out of training for the benchmark, and which photos that leaves to whom.

People who appear together should stay together, so the graph of who appears with whom is cut along its connected
components: the smallest, then the rarest, are held out first. Where the next component is larger than what is still
to be held out, people are taken out of it one by one so that the fewest photos end up with both kinds ('mixed',
used by none).

Who was held out of an earlier version is held out again, before anybody else is chosen: a model that was trained on
that version has not seen them. So is who looks like one of them by now.
"""

import hashlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from components.curation.config import CurationConfig
from components.curation.labels import Labels
from model.similarity import nearest, neighbours

Mask = NDArray[np.bool_]
Rank = tuple[NDArray[np.int32], list[str]]  # [I] photos of each person, and what decides between equals


def hold_out(labels: Labels, threshold: float, config: CurationConfig, before: Collection[str] = ()) -> Mask:
    """[I] who is held out: `heldout_fraction` of the people, at least one where there are two, never all.

    Those of `before` come first, as many as that share allows; whoever looks like them is held out beside it.
    """
    people = len(labels.names)
    quota = min(people - 1, max(1, round(people * config.heldout_fraction))) if config.heldout_fraction else 0
    appears = _appearances(labels)
    alike = neighbours(labels.centres, threshold)
    alike.data[:] = 1
    tie = [hashlib.sha256(name.encode()).hexdigest() for name in labels.names]
    photos = np.asarray(appears.sum(axis=0)).ravel()
    held = _again(labels.names, before, quota, alike, (photos, tie))
    free = np.flatnonzero(~held)
    _, component = connected_components((appears.T @ appears + alike)[free][:, free], directed=False)
    groups = [free[component == number] for number in np.unique(component)]
    groups.sort(key=lambda group: (len(group), photos[group].sum(), min(tie[one] for one in group)))
    for group in groups:
        left = quota - int(held.sum())
        if left <= 0:
            break
        held[group if len(group) <= left else _carve(appears, group, left, held, (photos, tie))] = True
    return held


def _again(names: list[str], before: Collection[str], quota: int, alike: csr_array, rank: Rank) -> Mask:
    """[I] who of `before` is held out again, the rarest first, with those who look like them."""
    photos, tie = rank
    known = [place for place, name in enumerate(names) if name in before]
    again = sorted(known, key=lambda person: (photos[person], tie[person]))[:quota]
    _, look = connected_components(alike, directed=False)
    held = np.isin(look, look[again])
    return np.isin(np.arange(len(names)), again) if held.all() else held


def _appearances(labels: Labels) -> csr_array:
    """[photos, people] who is in which photo, as ones."""
    known = labels.identity >= 0
    cells = (labels.found.photo[known], labels.identity[known])
    shape = (len(labels.found.photos), len(labels.names))
    return csr_array((np.ones(int(known.sum()), np.int32), cells), shape=shape)


def _carve(appears: csr_array, group: NDArray[np.intp], wanted: int, out: Mask, rank: Rank) -> NDArray[np.intp]:
    """`wanted` people of a component, each next one so that the fewest photos are mixed; ties to the rarest.

    `out` is who is held out already.
    """
    photos, tie = rank
    free = np.array(sorted(group, key=lambda person: (photos[person], tie[person])), np.intp)
    known = np.asarray(appears.sum(axis=1)).ravel()
    held = appears @ out.astype(np.intp)  # held-out people per photo

    def gain(rows: NDArray[np.intp] | slice) -> NDArray[np.intp]:
        """By how much photos of these rows make the number of mixed ones grow when one more of their people leaves."""
        first = (held[rows] == 0) & (known[rows] > 1)
        last = (held[rows] > 0) & (held[rows] + 1 == known[rows])
        return first.astype(np.intp) - last

    cost = appears.T @ gain(slice(None))
    columns = appears.tocsc()
    taken: list[int] = []
    for _ in range(wanted):
        place = int(np.argmin(cost[free]))  # the first of equals, which is the rarest
        best, free = int(free[place]), np.delete(free, place)
        taken.append(best)
        rows = columns.indices[columns.indptr[best] : columns.indptr[best + 1]]
        before = gain(rows)
        held[rows] += 1
        cost += appears[rows].T @ (gain(rows) - before)  # all other photos are as they were
    return np.array(taken, np.intp)


def photo_splits(labels: Labels, held: Mask, threshold: float, config: CurationConfig) -> list[str]:
    """The split of each photo: 'heldout' when all its known people are, 'train' when none is, else 'mixed'.

    A photo is also mixed when an unknown face in it might be a held-out person: within the margin of the threshold.
    """
    found = labels.found
    count = len(found.photos)
    known = labels.identity >= 0
    out = np.bincount(found.photo[known], held[labels.identity[known]], count)
    people = np.bincount(found.photo[known], minlength=count)
    doubt = np.zeros(count, np.bool_)
    if held.any() and (~known).any():
        near = nearest(found.unit.of(~known), labels.centres[held]) >= threshold - config.margin
        doubt[found.photo[~known][near]] = True
    train = (out == 0) & ~doubt
    heldout = (out == people) & (people > 0)
    return [("train" if train[place] else "heldout" if heldout[place] else "mixed") for place in range(count)]
