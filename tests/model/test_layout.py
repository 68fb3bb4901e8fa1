"""Proposed layouts: inside the picture, apart, large enough, or refused."""

import numpy as np
import pytest

from model.boxes import iou
from model.errors import UserError
from model.layout import LEAST, layout
from model.presets import nano


@pytest.mark.parametrize("people", [1, 2, 3, 4, 5])
def test_faces_stand_side_by_side_inside_the_picture(people: int) -> None:
    size = nano().bucket(people)
    boxes = layout(people, size)
    assert boxes.shape == (people, 4)
    assert (boxes >= 0).all()
    assert (boxes[:, 2:] <= size).all()
    assert (np.diff(boxes[:, 0]) > 0).all()
    assert (boxes[:, 2] - boxes[:, 0] >= LEAST).all()
    overlap = iou(boxes, boxes)
    assert np.allclose(overlap, np.eye(people))


@pytest.mark.parametrize("people", [0, 9])
def test_nobody_and_a_crowd_are_refused(people: int) -> None:
    with pytest.raises(UserError, match=f"people: {people}"):
        layout(people, (256, 128))
