"""Crops: never text, always the faces, as large as can be, and with the geometry of the faces moved along."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.curation.album import Album, Box
from components.curation.crop import area, crop_around
from tests.components.curation.faces import found_of

FACE = np.array([[80.0, 60.0, 120.0, 100.0]])
EDGES = st.tuples(st.integers(0, 199), st.integers(0, 149), st.integers(1, 60), st.integers(1, 40))


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        ((20, 130, 180, 145), (0, 0, 200, 128)),
        ((5, 5, 60, 15), (0, 17, 200, 150)),
        ((2, 10, 20, 140), (22, 0, 200, 150)),
        ((70, 70, 90, 80), None),  # over the face
        ((110, 104, 150, 112), None),  # within the face's margin
    ],
)
def test_a_band_is_cut_off_where_the_face_stays(text: Box, crop: Box | None) -> None:
    assert crop_around([text], FACE, 200, 150) == crop


@given(st.lists(EDGES, max_size=6))
def test_a_crop_holds_the_faces_and_no_text(edges: list[tuple[int, int, int, int]]) -> None:
    texts = [(x, y, min(200, x + w), min(150, y + h)) for x, y, w, h in edges]
    crop = crop_around(texts, FACE, 200, 150)
    if crop is None:
        return
    left, top, right, bottom = crop
    assert 0 <= left <= 70
    assert 0 <= top <= 50
    assert 130 <= right <= 200
    assert 110 <= bottom <= 150
    assert all(x2 <= left or right <= x1 or y2 <= top or bottom <= y1 for x1, y1, x2, y2 in texts)
    assert (area(crop) == 200 * 150) == (not texts)


def test_boxes_and_landmarks_move_with_the_crop() -> None:
    pixels = np.zeros((150, 200, 3), np.uint8)
    pixels[60:100, 80:120] = 255  # the face
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    found = found_of([0, 1], np.ones((2, 4)))
    landmarks = np.tile([80, 60, 119, 60, 100, 80, 80, 99, 119, 99], (2, 1)).astype(np.float32)
    photos = [replace(photo, width=200, height=150, whole=buffer.getvalue) for photo in found.photos]
    found = replace(found, photos=Album.over(photos), box=np.repeat(FACE, 2, 0).astype("f4"), landmarks=landmarks)
    moved = found.cropped({1: (30, 20, 190, 140)})
    assert (moved.photos[0], moved.box[0].tolist()) == (found.photos[0], FACE[0].tolist())
    assert moved.box[1].tolist() == [50, 40, 90, 80]
    assert moved.landmarks[1].tolist() == [50, 40, 89, 40, 70, 60, 50, 79, 89, 79]
    assert (moved.embedding[:] == found.embedding[:]).all()
    shown = np.asarray(Image.open(io.BytesIO(moved.photos[1].jpg())))
    assert shown.shape == (moved.photos[1].height, moved.photos[1].width, 3) == (120, 160, 3)
    assert shown[42:78, 52:88].min() > 240
    assert max(shown[:36].max(), shown[84:].max(), shown[:, :46].max(), shown[:, 94:].max()) < 15
    assert moved.photos[1].jpg() == moved.photos[1].jpg()
    assert moved.photos[0].jpg() == buffer.getvalue()
