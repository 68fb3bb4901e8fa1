"""Fitting photos to training sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.dataset.buckets import Placement, choose, place

BUCKETS = ((128, 128), (192, 128), (128, 192), (256, 128))
SIDES = st.integers(16, 4000)


@st.composite
def photos(draw: st.DrawFn) -> tuple[int, int, NDArray[np.float64]]:
    width, height = draw(SIDES), draw(SIDES)
    corner = st.tuples(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1))
    pairs = draw(st.lists(st.tuples(corner, corner), max_size=5))
    boxes = [
        [min(a[0], b[0]) * width, min(a[1], b[1]) * height, max(a[0], b[0]) * width, max(a[1], b[1]) * height]
        for a, b in pairs
    ]
    return width, height, np.array(boxes, np.float64).reshape(-1, 4)


@settings(deadline=None, max_examples=50)
@given(photos())
def test_the_crop_keeps_every_box_inside_the_photo_and_the_shape(photo: tuple[int, int, NDArray[np.float64]]) -> None:
    width, height, boxes = photo
    placement = place(width, height, boxes, BUCKETS)
    if placement is None:
        return
    x1, y1, x2, y2 = placement.crop
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height
    assert placement.scale[0] == pytest.approx(placement.scale[1], rel=1e-9)
    visible = np.clip(boxes, 0, [width, height, width, height])
    assert (visible[:, :2] >= np.array([x1, y1]) - 1e-6 * max(width, height)).all()
    assert (visible[:, 2:] <= np.array([x2, y2]) + 1e-6 * max(width, height)).all()


@settings(deadline=None, max_examples=50)
@given(SIDES, SIDES)
def test_without_boxes_the_nearest_shape_is_used_and_touches_two_edges(width: int, height: int) -> None:
    placement = place(width, height, np.zeros((0, 4)), BUCKETS)
    assert placement is not None
    assert placement.size == choose(width, height, BUCKETS)[0]
    x1, y1, x2, y2 = placement.crop
    assert x2 - x1 == pytest.approx(width) or y2 - y1 == pytest.approx(height)


@settings(deadline=None, max_examples=50)
@given(photos())
def test_points_go_to_the_output_and_back(photo: tuple[int, int, NDArray[np.float64]]) -> None:
    width, height, boxes = photo
    placement = place(width, height, boxes, BUCKETS)
    if placement is None:
        return
    points = np.array([[0.0, 0.0], [width, height], [width / 3, height / 7]])
    back = placement.points(points) / placement.scale + placement.crop[:2]
    assert np.allclose(back, points, atol=1e-3 * max(width, height))


def test_faces_at_both_ends_choose_a_wider_bucket_and_none_is_said_where_none_fits() -> None:
    ends = np.array([[0, 40, 60, 100], [340, 40, 400, 100]], np.float64)
    placement = place(400, 300, ends, BUCKETS)
    assert placement is not None
    assert placement.size == (256, 128) or placement.size == (192, 128)
    assert place(400, 100, ends, ((128, 128),)) is None


def test_the_picture_and_the_boxes_move_together() -> None:
    photo = np.zeros((300, 500, 3), np.uint8)
    photo[100:160, 400:460] = 255
    box = np.array([[400, 100, 460, 160]], np.float32)
    placement = place(500, 300, box, ((128, 128),))
    assert placement is not None
    picture = placement.image(photo)
    assert picture.shape == (128, 128, 3)
    rows, columns = np.nonzero(picture[..., 0] > 127)
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(found - placement.boxes(box)[0]).max() <= 1


def test_boxes_are_cut_off_at_the_edges_of_the_output() -> None:
    placement = Placement((100, 0, 200, 100), (50, 50))
    assert placement.boxes(np.array([[50, 20, 150, 300]])).tolist() == [[0, 10, 25, 50]]
