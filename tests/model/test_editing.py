"""What an editing backbone is shown: faces blurred, small ones and everything else left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from model.editing import blurred_faces, faces_blurred, fitted
from model.errors import UserError

PICTURE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
edge = st.floats(-20, 100)


@given(st.lists(st.tuples(edge, edge, edge, edge), max_size=3))
def test_only_pixels_of_large_faces_change(boxes: list[tuple[float, float, float, float]]) -> None:
    faces = np.array(boxes, np.float32).reshape(-1, 4)
    changed = (faces_blurred(PICTURE, faces) != PICTURE).any(-1)
    allowed = np.zeros_like(changed)
    for x1, y1, x2, y2 in faces.clip(0, (80, 60, 80, 60)).tolist():
        if min(x2 - x1, y2 - y1) >= 60 * 100 / 512:
            allowed[round(y1) : round(y2), round(x1) : round(x2)] = True
    assert not changed[~allowed].any()
    assert changed[allowed].mean() > 0.9 if allowed.any() else not changed.any()


def test_a_photo_is_fitted_where_it_is_about_square() -> None:
    assert fitted(Image.fromarray(PICTURE).convert("L").resize((105, 100)), (64, 64)).shape == (64, 64, 3)
    with pytest.raises(UserError, match=r"image: 80 x 60 is not about square \(width over height is 1.33"):
        fitted(Image.fromarray(PICTURE), (64, 64))


@pytest.mark.parametrize(("side", "radius", "least"), [(1024, 15, 100), (512, 15, 100), (128, 3.75, 25)])
def test_limit_and_radius_are_the_published_ones_from_512_pixels_on_and_shrink_below(
    side: int, radius: float, least: int
) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
    blurred = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    seen = faces_blurred(picture, np.array([[0, 0, least, least], [40, 40, 40 + least - 1, 99]], np.float32))
    expected = picture.copy()
    expected[:least, :least] = blurred[:least, :least]
    assert (seen == expected).all()


def test_faces_to_blur_stand_from_left_to_right_within_the_picture() -> None:
    boxes = np.array([[300, 10, 420, 150], [0, 0, 60, 60], [-40, 20, 110, 170]], np.float32)
    assert blurred_faces(boxes, (512, 512)).tolist() == [[0, 20, 110, 170], [300, 10, 420, 150]]
