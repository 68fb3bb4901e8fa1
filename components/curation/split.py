"""Who is held out of training for the benchmark, and which photos that leaves to whom.

People who appear together should stay together, so the graph of who appears with whom is cut along its connected
components: the smallest, then the rarest, are held out first. Where the next component is larger than what is still
to be held out, people are taken out of it one by one so that the fewest photos end up with both kinds ('mixed',
used by none). People who look alike count as one, for they may be one person under two names.

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
Rank = tuple[NDArray[np.int32], list[str]]  # photos of each look, and what decides between equals


def hold_out(labels: Labels, threshold: float, config: CurationConfig, before: Collection[str] = ()) -> Mask:
    """[I] who is held out: `heldout_fraction` of the people, at least one where there are two, never all.

    Those of `before` come first, as many as that share allows; whoever looks like them is held out beside it. People
    who look alike are never parted, except where all do.
    """
    people = len(labels.names)
    quota = min(people - 1, max(1, round(people * config.heldout_fraction))) if config.heldout_fraction else 0
    _, look = connected_components(neighbours(labels.centres, threshold), directed=False)
    if not look.any():
        look = np.arange(people)
    size = np.bincount(look)  # people of each look
    quota = max(quota, int(size.min())) if quota else 0
    appears = _appearances(labels, look)
    photos = np.asarray(appears.sum(axis=0)).ravel()
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in labels.names]
    tie = [min(digests[person] for person in alike) for alike in _members(look)]
    held = np.zeros(len(size), np.bool_)
    known = [int(look[place]) for place, name in enumerate(labels.names) if name in before]
    again = sorted(known, key=lambda one: (photos[one], tie[one]))[:quota]
    held[again] = True
    if held.all():  # somebody must be left to train on
        held[again[-1]] = False
    free = np.flatnonzero(~held)
    _, circle = connected_components((appears.T @ appears)[free][:, free], directed=False)
    groups = [free[members] for members in _members(circle)]
    groups.sort(key=lambda group: (size[group].sum(), photos[group].sum(), min(tie[one] for one in group)))
    for group in groups:
        left = quota - int(size[held].sum())
        if left <= 0:
            break
        whole = size[group].sum() <= left
        held[group if whole else _carve(appears, size, group, left, held, (photos, tie))] = True
    return held[look]


def _members(label: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """The places in `label` of each of its numbers, which are all from 0 on."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label))[:-1])


def _appearances(labels: Labels, look: NDArray[np.int32]) -> csr_array:
    """[photos, looks] who is in which photo, as ones; `look` [I] is that of each person."""
    known = labels.identity >= 0
    cells = (labels.found.photo[known], look[labels.identity[known]])
    shape = (len(labels.found.photos), int(look.max(initial=-1)) + 1)
    appears = csr_array((np.ones(int(known.sum()), np.int32), cells), shape=shape)
    appears.data[:] = 1
    return appears


def _carve(
    appears: csr_array, size: NDArray[np.intp], group: NDArray[np.intp], wanted: int, out: Mask, rank: Rank
) -> NDArray[np.intp]:
    """Looks of a component, of at most `wanted` people, each next one so that the fewest photos are mixed.

    Ties go to the rarest. `size` is the number of people of each look, `out` says which are held out already.
    """
    photos, tie = rank
    free = np.array(sorted(group, key=lambda look: (photos[look], tie[look])), np.intp)
    known = np.asarray(appears.sum(axis=1)).ravel()
    held = appears @ out.astype(np.intp)  # held-out looks per photo

    def gain(rows: NDArray[np.intp] | slice) -> NDArray[np.intp]:
        """By how much photos of these rows make the number of mixed ones grow when one more of their looks leaves."""
        first = (held[rows] == 0) & (known[rows] > 1)
        last = (held[rows] > 0) & (held[rows] + 1 == known[rows])
        return first.astype(np.intp) - last

    cost = appears.T @ gain(slice(None))
    columns = appears.tocsc()
    taken: list[int] = []
    while len(fit := free[size[free] <= wanted]):
        best = int(fit[np.argmin(cost[fit])])  # the first of equals, which is the rarest
        free = free[free != best]
        taken.append(best)
        wanted -= int(size[best])
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
