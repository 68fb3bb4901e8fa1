"""The pasted baseline: the reference's face covers the wanted box, in proportion, and nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.pasting import MARGIN, paste_face

SIDES = st.integers(10, 90)


def boxed(left: int, top: int, width: int, height: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([left, top, left + width, top + height], np.float32)


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_the_middle_of_the_box_is_the_face_and_far_away_is_the_picture(w: int, h: int, fw: int, fh: int) -> None:
    picture = np.zeros((200, 240, 3), np.uint8)
    photo = np.full((300, 300, 3), 200, np.uint8)
    wanted = boxed(70, 50, w, h)
    result = paste_face(picture, wanted, photo, boxed(100, 100, fw, fh))
    assert result.shape == picture.shape
    assert result[50 + h // 2, 70 + w // 2].tolist() == pytest.approx([200] * 3, abs=2)
    assert picture.max() == 0
    reach = max(w / fw, h / fh) * np.array([fw, fh]) * (0.5 + MARGIN) + 3
    rows, columns = np.nonzero(result.max(axis=2))
    assert abs(columns - (70 + w / 2)).max() <= reach[0]
    assert abs(rows - (50 + h / 2)).max() <= reach[1]


def test_a_face_at_the_rim_of_photo_and_picture_is_pasted_as_far_as_it_reaches() -> None:
    picture = np.full((64, 64, 3), 90, np.uint8)
    photo = np.full((50, 50, 3), 180, np.uint8)
    result = paste_face(picture, boxed(-10, -10, 40, 40), photo, boxed(0, 0, 30, 30))
    assert result[12, 12, 0] > 150
    assert result[63, 63].tolist() == [90] * 3
    assert result.min() >= 89  # nothing of the black beyond the photo
