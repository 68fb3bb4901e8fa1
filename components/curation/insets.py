"""Finds small pictures laid upon a corner of another: boxes whose sides are straight steps that end where they meet."""

from itertools import combinations, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 0.15, 0.6  # sides of an inset: the least by the photo's shorter side, the most by the side along it
CORNER = 0.08  # of the photo's shorter side, the most between an inset and the corner of the photo
ALONG = 0.7  # of a side, and of some stretch as long as the least side, that must be a step
PART = 0.4  # of the poorest quarter of a side; and beyond its ends, which an edge of a scene passes, it must be less
CORNERED = (0.8, 0.5)  # the same of the two sides of an inset in the very corner: scenes have such edges, too
BEYOND = (3, 0.25)  # where that is looked for: from pixels beyond an end to a share of the side
LINES = 10  # strongest columns, and rows, that are tried
VERSION = "-".join(str(limit) for limit in (2, LEAST, MOST, CORNER, ALONG, PART, *CORNERED, *BEYOND, LINES))

Steps = NDArray[np.bool_]
Counts = dict[int, NDArray[np.int64]]  # by a column's place, the steps above each of its pixels


def insets(upright: Steps, level: Steps) -> list[tuple[int, int, int, int]]:
    """The boxes x1 y1 x2 y2 of insets; [H, W] and [W, H] say where there are upright and level steps, the second lying.

    One or two sides may be on the photo's rim, where there is no step.
    """
    height, width = upright.shape
    least = int(LEAST * min(height, width))
    corner = int(CORNER * min(height, width))
    columns = _strong(upright, least)
    rows = _strong(level, least) if columns else {}
    boxes = []
    for top, bottom in _spans(rows, height, least, corner):
        sides = {x for x, counts in columns.items() if _is_side(counts, top, bottom)}
        for left, right in _spans(sides, width, least, corner):
            lines = [(rows[y], left, right) for y in (top, bottom) if y in rows]
            lines += [(columns[x], top, bottom) for x in (left, right) if x in sides]
            limits = CORNERED if len(lines) == 2 else (ALONG, PART)
            if all(_is_side(*line, *limits) for line in lines):
                boxes.append((left, top, right, bottom))
    return boxes


def _strong(steps: Steps, least: int) -> Counts:
    """The columns that are a step along most of a stretch of `least` pixels, the strongest first."""
    total = cv2.reduce(steps.view(np.uint8), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    places = np.flatnonzero(total >= ALONG * least)
    counts = np.zeros((len(steps) + 1, len(places)), np.int64)
    np.cumsum(steps[:, places], axis=0, out=counts[1:])
    share = (counts[least:] - counts[:-least]).max(axis=0, initial=0) / least
    best = [number for number in np.argsort(-share, kind="stable") if share[number] >= ALONG]
    return {int(places[number]): counts[:, number] for number in best[:LINES]}


def _spans(places: Counts | set[int], length: int, least: int, corner: int) -> list[tuple[int, int]]:
    """From which to which of `places`, or the rim, an inset may reach that is near either end of `length` pixels."""
    spans = combinations(sorted({0, *places, length}), 2)
    return [
        (start, end)
        for start, end in spans
        if least <= end - start <= MOST * length and min(start, length - end) <= corner
    ]


def _is_side(counts: NDArray[np.int64], start: int, end: int, along: float = ALONG, part: float = PART) -> bool:
    """Whether the line with these counts of steps is one from `start` to `end`, and none beyond."""
    length = end - start
    quarters = np.linspace(start, end, 5).astype(int)
    if counts[end] - counts[start] < along * length:
        return False
    if min((counts[b] - counts[a]) / (b - a) for a, b in pairwise(quarters.tolist())) < part:
        return False
    near, far = BEYOND[0], max(2 * BEYOND[0], int(BEYOND[1] * length))
    last = len(counts) - 1
    before, after = (max(0, start - far), max(0, start - near)), (min(last, end + near), min(last, end + far))
    return all(counts[b] - counts[a] < PART * (b - a) or a == b for a, b in (before, after))
