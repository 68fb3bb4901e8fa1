"""Crops text away: the largest part of a photo without it that still shows every face whole."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from components.curation.album import Box

FACE_MARGIN = 0.25  # of a face's side that stays around it
TEXT_MARGIN = 0.01  # of the photo's shorter side that goes with a text
MOST_TEXTS = 12  # a photo with more is covered with them


def crop_around(texts: Sequence[Box], faces: NDArray[np.floating], width: int, height: int) -> Box | None:
    """The largest box in a photo of `width` x `height` pixels without any of `texts` and with all of `faces` [N, 4].

    None where there is none. The first in reading order wins among equals.
    """
    if len(texts) > MOST_TEXTS:
        return None
    margin = TEXT_MARGIN * min(width, height)
    grown = [
        (max(0, int(x1 - margin)), max(0, int(y1 - margin)), min(width, int(x2 + margin) + 1), int(y2 + margin) + 1)
        for x1, y1, x2, y2 in texts
    ]
    sides = FACE_MARGIN * (faces[:, 2:] - faces[:, :2])
    first = np.maximum((faces[:, :2] - sides).min(axis=0), 0)
    last = np.minimum((faces[:, 2:] + sides).max(axis=0), (width, height))
    lefts = sorted({0, *(box[2] for box in grown if box[2] <= first[0])})
    tops = sorted({0, *(box[3] for box in grown if box[3] <= first[1])})
    rights = sorted({width, *(box[0] for box in grown if box[0] >= last[0])}, reverse=True)
    bottoms = sorted({height, *(box[1] for box in grown if box[1] >= last[1])}, reverse=True)
    boxes = [box for box in product(lefts, tops, rights, bottoms) if not any(_meet(box, text) for text in grown)]
    return max(boxes, key=area, default=None)


def area(box: Box) -> int:
    """Pixels in a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
