"""The strict assignment of generated faces to the people that were asked for.

One joint assignment a picture, by place alone: it pairs faces and people so that the summed distance of their boxes is
least. Target and reference of a person are then compared with the same face, all judges see the same pairs, and a
picture cannot win by choosing whichever pairing a recogniser likes best: two people drawn in each other's place are
two wrong people. There is no limit on the distance, so a system that ignores the layout is still judged by the faces it
drew. Faces left over are counted as extra, people left over as missing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

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


def assign(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each wanted box [P, 4] the index of its face among the found boxes [G, 4], or -1; no face is used twice."""
    chosen = np.full(len(wanted), MISSING, dtype=np.int64)
    if len(found) and len(wanted):
        faces, people = linear_sum_assignment(distance(found, wanted))
        chosen[people] = faces
    return chosen
