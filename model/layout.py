"""Where n people go in a picture when nobody says: side by side, each a bust that stands on the lower edge."""

import numpy as np
from numpy.typing import NDArray

from model.dataset.buckets import Size
from model.errors import UserError

FACE_OF_BUST = 0.52  # width of a detected face over the side of the square that holds head and shoulders
FACE_SHAPE = 0.73  # width over height of a detected face
CENTRE = 0.63  # of the square's side, from its top to the middle of the face
SHARE = 0.65  # of a person's share of the picture's width that the face may take
LEAST = 24  # pixels of a face's width, below which a recogniser sees little


def layout(people: int, size: Size) -> NDArray[np.float32]:
    """Boxes [people, 4] (xyxy, pixels) of the faces in a picture of `size` (width, height), from left to right.

    UserError where there is nobody, or where the faces would be too small to be recognised.
    """
    width, height = size
    face = min(SHARE * width / max(people, 1), FACE_OF_BUST * height)
    if people < 1 or face < LEAST:
        raise UserError(
            f"people: {people} do not fit side by side in {width} x {height} pixels; ask for fewer, at least 1"
        )
    bust = face / FACE_OF_BUST
    middle = height - (1 - CENTRE) * bust
    half = np.array([face, face / FACE_SHAPE]) / 2
    centres = np.stack([(np.arange(people) + 0.5) * width / people, np.full(people, middle)], axis=1)
    return np.hstack([centres - half, centres + half]).astype(np.float32)
