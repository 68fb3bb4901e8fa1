"""The strict assignment of generated faces to the people that were asked for.

One joint assignment a picture: target and reference of a person are then compared with the same face, all judges see
the same pairs, and no face stands for two people. There is no limit beyond which a face is left out. Faces left over
are counted as extra, people left over as missing.

Where the system was told where each person shall stand, places decide: the summed distance of the boxes is least, and
two people drawn in each other's place are two wrong people. Where it was not, likeness to target and reference together
decides, over all judges.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from validation.benchmark.metrics import finite, unit

MISSING = -1


def distance(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distances [G, P], no unit, of boxes found [G, 4] from boxes wanted [P, 4] (x1 y1 x2 y2, px).

    That of the centres in diagonals of the wanted box, plus a quarter of |ln(ratio of diagonals)|: of two faces equally
    far away the one of the right size wins.
    """
    a, b = np.asarray(found, np.float64).reshape(-1, 1, 4), np.asarray(wanted, np.float64).reshape(1, -1, 4)
    diagonal_a = np.maximum(np.linalg.norm(a[..., 2:] - a[..., :2], axis=-1), 1.0)
    diagonal_b = np.maximum(np.linalg.norm(b[..., 2:] - b[..., :2], axis=-1), 1.0)
    apart = np.linalg.norm((a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2, axis=-1)
    return np.asarray(apart / diagonal_b + 0.25 * np.abs(np.log(diagonal_a / diagonal_b)), dtype=np.float64)


def likeness(
    faces: Mapping[str, NDArray[np.floating]],
    targets: Mapping[str, NDArray[np.floating]],
    references: Mapping[str, NDArray[np.floating]],
) -> NDArray[np.float64]:
    """(cos(g,t) + cos(g,r)) / 2 [G, P] of `faces` [G, d] with `targets` and `references` [P, d], all by judge's name.

    The mean over the judges, in [-1, 1]; an embedding that is not finite is like nobody.
    """
    tables = [
        (unit(finite(rows)) @ unit(targets[judge]).T + unit(finite(rows)) @ unit(references[judge]).T) / 2
        for judge, rows in faces.items()
    ]
    return np.asarray(np.mean(tables, axis=0), dtype=np.float64)


def assign(cost: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each person, a column of `cost` [G, P], the row of their face or -1; the sum is least, no face used twice."""
    chosen = np.full(cost.shape[1], MISSING, dtype=np.int64)
    if cost.size:
        faces, people = linear_sum_assignment(cost)
        chosen[people] = faces
    return chosen
