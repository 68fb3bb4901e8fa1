"""Measures by which pictures that are no plain photograph are known: drawings, sketches, screenshots, collages.

All come from pixels alone. A drawing has few tones, and hard edges between flats; a sketch is grey on white paper; a
screenshot is for a large part exactly one of few colours; a collage has straight seams from rim to rim.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from components.curation.insets import VERSION, insets
from components.curation.measures import grey_of

TONES = 9  # the most frequent values of a channel that are counted
FLAT = 1  # most levels between the pixels of a flat 3 x 3 patch
SOFT = (3, 24)  # levels between the pixels of a patch that is neither flat nor an edge of a drawing
STEP = 14  # least levels by which a seam's sides differ
NEAR = 4  # pixels from a seam to where the picture must change less than across it
SEAM_SHARE = 0.6  # of a seam's length that must be such a step
SEAM_PART = 0.3  # of the second poorest eighth of its length
FULL_SHARE = 0.75  # of a full seam's length that must be such a step: photos of real edges have at most 0.59
FULL_PART = 0.4  # of the poorest eighth of its length
RIM = 0.1  # of the width where a frame is no seam
MIDDLE = (0.25, 0.75)  # of the height, where one level seam parts two pictures; a horizon and shelves lie anywhere
ONE = 0.05  # of the height within which level seams are one, such as both sides of a border
BLANK = 10  # levels from white or black of a blank border
CELL = 0.15  # of the height, the least of a cell between level seams
UNLIKE = 0.75  # of the pixels by which lines along two seams differ: along shelves and courses of bricks 0.6 at most
STEADY = 5.0  # greatest standard deviation, levels, along a separator

Grey = NDArray[np.uint8]


class KindMeasures:
    """Marks each photo with its measures (shares of its area, 0..1), its `seams` and the boxes of its `insets`.

    A seam is [axis, place in pixels, whether it is one of a collage wherever the faces are].
    """

    name = "kinds"
    version = "-".join(
        str(limit)
        for limit in (
            *("4", TONES, FLAT, SOFT, STEP, NEAR, SEAM_SHARE, SEAM_PART, FULL_SHARE, FULL_PART, RIM, STEADY),
            *(*MIDDLE, ONE, BLANK, CELL, UNLIKE, VERSION),
        )
    )

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        return [measures(photo) for photo in photos]


def measures(photo: NDArray[np.uint8]) -> Marks:
    """The measures of a photo [H, W, 3] RGB.

    `tones` under the most frequent tones; `soft` of mid-grey patches neither flat nor edge, and `hard` of edges; `flat`
    of flat patches; `page` under the three most frequent colours of flat patches; `colour` of pixels that are not
    grey; `paper` of nearly white ones; `straight` of the column or row that holds most of an edge.
    """
    grey = grey_of(photo)
    patch = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(grey, patch), cv2.erode(grey, patch))
    inner = spread[(grey > 8) & (grey < 247)]
    flat = spread <= FLAT
    chroma = cv2.subtract(_greatest(photo), cv2.bitwise_not(_greatest(cv2.bitwise_not(photo))))
    shares = {
        "tones": np.mean([_frequent(photo, channel) for channel in range(3)]),
        "soft": np.mean((inner > SOFT[0]) & (inner <= SOFT[1])) if inner.size else 0.0,
        "hard": np.mean(inner > SOFT[1]) if inner.size else 0.0,
        "flat": flat.mean(),
        "page": _page(photo, flat),
        "colour": (chroma > 12).mean(),
        "paper": (grey > 235).mean(),
    }
    lying = np.asarray(cv2.transpose(photo), np.uint8)
    upright, level = _steps(photo), _steps(lying)
    across, down = _seams(photo, *upright), _seams(lying, *level)
    laid = insets(*(np.pad(step, ((0, 0), (NEAR + 1, NEAR + 1))) for _, step in (upright, level)))
    shares["straight"] = max(step.mean(axis=0).max() for _, step in (upright, level))
    met = _met(photo, sorted(down)) | _stacked(photo, down)
    seams = [["x", place, across[place]] for place in sorted(across)]
    seams += [["y", place, place in met] for place in sorted(down)]
    return {name: round(float(value), 4) for name, value in shares.items()} | {"seams": seams, "insets": laid}


def _greatest(photo: NDArray[Any]) -> Grey:
    """The greatest channel of each pixel; NumPy takes seven times as long."""
    first, second, third = cv2.split(photo)
    return np.asarray(cv2.max(cv2.max(first, second), third), np.uint8)


def _frequent(photo: NDArray[np.uint8], channel: int) -> float:
    """Share of the pixels within two levels of one of the `TONES` most frequent tones of a channel."""
    counts = cv2.calcHist([photo], [channel], None, [256], [0, 256]).ravel().astype(int)
    total = 0
    for _ in range(TONES):
        peak = int(np.convolve(counts, np.ones(5, int), "same").argmax())
        total += int(counts[max(0, peak - 2) : peak + 3].sum())
        counts[max(0, peak - 2) : peak + 3] = 0
    return total / photo[..., channel].size


def _page(photo: NDArray[np.uint8], flat: NDArray[np.bool_]) -> float:
    """Share of the pixels that are flat and of one of the three most frequent colours there."""
    thin = np.s_[::2, ::2]
    colours = photo[thin][flat[thin]].astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    counts = np.sort(np.unique(colours, return_counts=True)[1])
    return float(counts[-3:].sum() / flat[thin].size)


def _met(photo: NDArray[np.uint8], rows: Sequence[int]) -> set[int]:
    """Those of the level seams at `rows` that a full upright seam meets: shelves and courses of bricks meet none."""
    height = len(photo)
    met: set[int] = set()
    for top, bottom in pairwise([0, *rows, height] if rows else []):
        cell = photo[top + 2 : bottom - 2]
        if bottom - top >= max(RIM * height, 8 * NEAR) and any(_seams(cell, *_steps(cell)).values()):
            met |= {top, bottom}
    return met


def _stacked(photo: NDArray[np.uint8], rows: Mapping[int, bool]) -> set[int]:
    """The level seams at `rows`, each with whether it is full, where they part pictures one above the other.

    One in the middle does, for a scene's edges are seldom full. Those that are, such as shelves, courses of bricks and
    stripes, are several and repeat themselves; along the seams of a stack no two lines are alike.
    """
    height, seams = len(photo), _grouped(rows, ONE * len(photo))
    if not any(rows.values()):
        return set()
    if len(seams) == 1:
        least, most = MIDDLE
        return set(rows) if least * height <= min(rows) and max(rows) <= most * height else set()
    above = np.stack([photo[seam[0] - NEAR] for seam in seams])
    below = np.stack([photo[seam[-1] + NEAR] for seam in seams])
    bars = min(line.std(axis=0).max() for line in (above[0], below[-1])) < STEADY  # of a film on a screen
    if bars or min(b[0] - a[-1] for a, b in pairwise(seams)) < CELL * height:
        return set()
    along = np.stack([photo[(seam[0] + seam[-1]) // 2] for seam in seams])
    tones = along.mean(axis=1)
    blank = tones.max() < BLANK or tones.min() > 255 - BLANK  # as borders of collages are, but seldom boards
    sides = (above, below) if blank else (above, along, below)
    pairs = [(one, other) for lines in sides for one, other in combinations(lines, 2)]
    unlike = min((cv2.absdiff(one, other).max(axis=1) > STEP).mean() for one, other in pairs)
    return set(rows) if unlike >= UNLIKE else set()


def _grouped(places: Iterable[int], apart: float) -> list[list[int]]:
    """The places, in order, in groups whose ends are at most so far apart."""
    groups: list[list[int]] = []
    for place in sorted(places):
        if groups and place - groups[-1][0] <= apart:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _seams(photo: NDArray[np.uint8], change: Grey, step: NDArray[np.bool_]) -> dict[int, bool]:
    """Columns at which a seam runs from top to bottom, each with whether it is full; with what `_steps` says.

    A seam is a step alone among its neighbours, or a separator's middle. Edges in a scene are seldom full: they lean
    over several columns, and somebody stands before them.
    """
    share, parts = _shares(step)
    hit = (share >= SEAM_SHARE) & (parts[1] >= SEAM_PART)
    full = (share >= FULL_SHARE) & (parts[0] >= FULL_PART)
    places = {int(column) + NEAR + 1: bool(full[column]) for column in np.flatnonzero(hit)} | _separators(photo, change)
    width = photo.shape[1]
    return {place: whole for place, whole in places.items() if RIM * width < place < (1 - RIM) * width}


def _steps(photo: NDArray[np.uint8]) -> tuple[Grey, NDArray[np.bool_]]:
    """How much the picture changes at columns 1..W-2, and where, of them but NEAR at either end, that is a step."""
    change = _greatest(cv2.absdiff(photo[:, 2:], photo[:, :-2]))
    middle = change[:, NEAR:-NEAR]
    beside = np.maximum(change[:, : -2 * NEAR], change[:, 2 * NEAR :])
    return change, middle > np.maximum(cv2.add(beside, beside >> 1), STEP)  # above STEP, and 1.5 times what is beside


def _separators(photo: NDArray[np.uint8], change: Grey) -> dict[int, bool]:
    """Middles of narrow runs of columns of one colour whose either side is a step along half of its length.

    Each comes with whether both are full.
    """
    flat = photo.reshape(len(photo), -1)
    total, squares = (cv2.reduce(flat, 0, how, dtype=cv2.CV_64F)[0] for how in (cv2.REDUCE_SUM, cv2.REDUCE_SUM2))
    variance = (squares - total**2 / len(photo)) / len(photo)
    steady = variance.reshape(-1, 3).max(axis=1) < STEADY**2
    edges = np.flatnonzero(np.diff(np.r_[False, steady, False].astype(np.int8)))
    share, parts = _shares(change > STEP)
    full = (share >= FULL_SHARE) & (parts[0] >= FULL_PART)
    middles = {}
    for start, end in zip(edges[::2], edges[1::2]):
        sides = [slice(max(0, place - 3), place + 2) for place in (start, end)]
        if end - start <= RIM * photo.shape[1] and all((share[side] > 0.5).any() for side in sides):
            middles[int(start + end) // 2] = all(bool(full[side].any()) for side in sides)
    return middles


def _shares(step: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of `step` in each column, and [8, columns] in each eighth of it, the poorest first."""
    parts = np.array_split(step.view(np.uint8), 8)
    counts = np.concatenate([cv2.reduce(part, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S) for part in parts])
    lengths = np.array([[len(part)] for part in parts])
    return counts.sum(axis=0) / len(step), np.sort(counts / lengths, axis=0)
