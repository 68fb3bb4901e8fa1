"""Photos laid upon one another: crops are found, the quick look first changes no answer, no photo is decoded twice."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from components.curation import registered
from components.curation.album import Album
from components.curation.found import Found
from components.curation.registered import same_content
from tests.components.curation.faces import found_of

SIDE = 160
Pixels = NDArray[np.uint8]


def jpg(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def painting(seed: int) -> Pixels:
    """Blots of all sizes."""
    noise = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    blots = sum(cv2.GaussianBlur(noise, (0, 0), width) * width for width in (2, 5, 12))
    return np.asarray(np.clip(blots * 60 + 128, 0, 255), np.uint8)


def shown(pictures: list[Pixels], shifts: list[tuple[int, int]], wholes: list[Callable[[], bytes]]) -> Found:
    """One face in each picture, all of one person, in the middle of the picture that was shifted."""
    found = found_of(list(range(len(pictures))), np.ones((len(pictures), 8)))
    middle = np.array([(SIDE / 2 - x, SIDE / 2 - y) for x, y in shifts], np.float32)
    marks = np.array([(-15, -12), (15, -12), (0, 0), (-12, 15), (12, 15)], np.float32)
    landmarks = (middle[:, None] + marks).reshape(-1, 10)
    photos = [replace(photo, whole=whole) for photo, whole in zip(found.photos, wholes, strict=True)]
    return replace(found, photos=Album.over(photos), box=np.hstack([middle - 30, middle + 30]), landmarks=landmarks)


def album(seed: int) -> tuple[list[Pixels], list[tuple[int, int]]]:
    """A painting, a crop of it, the mirrored painting, another, a plain grey one, one with a faint spot."""
    one, other, plain = painting(seed), painting(seed + 1), np.full((SIDE, SIDE), 200, np.uint8)
    spotted = plain.copy()
    spotted[70:80, 70:80] += 1
    return [one, one[10:, 25:], one[:, ::-1].copy(), other, plain, spotted], [(0, 0), (25, 10), *[(0, 0)] * 4]


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_crops_and_mirrored_pictures_are_found_and_the_quick_look_changes_nothing(seed: int) -> None:
    pictures, shifts = album(seed)
    found = shown(pictures, shifts, [partial(jpg, picture) for picture in pictures])
    faces, known = np.arange(len(pictures)), np.zeros((len(pictures),) * 2, np.bool_)
    same = same_content(found, faces, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registered, "_may_agree", lambda whole, parts: True)
        assert (same == same_content(found, faces, known)).all()
    assert same[0, 1]
    assert same[0, 2]
    assert not same[:3, 3:].any()


def page(pixels: Pixels) -> tuple[Pixels, tuple[int, int]]:
    """The pixels on a white page between lines of writing, and by how much they are shifted there."""
    height, width = pixels.shape
    sheet = np.full((height + 90, width + 12), 255, np.uint8)
    sheet[40 : 40 + height, 6 : 6 + width] = pixels
    for row in (12, height + 60, height + 75):
        sheet[row : row + 8, 10:90] = np.random.default_rng(row).integers(0, 256, 80, np.uint8)
    return sheet, (6, 40)


@pytest.mark.parametrize(("left", "top"), [(45, 5), (45, 40), (54, 5)])
def test_a_picture_is_known_on_a_page_where_its_rim_is_near_the_face_or_cuts_it(left: int, top: int) -> None:
    one, other = painting(1), painting(2)
    sheets, shifts = zip(*(page(pixels[top : 130 - top, left:]) for pixels in (one, other)), strict=True)
    moved = [(left - across, top - down) for across, down in shifts]
    pictures = [one, *sheets]
    found = shown(pictures, [(0, 0), *moved], [partial(jpg, picture) for picture in pictures])
    same = same_content(found, np.arange(3), np.zeros((3, 3), np.bool_))
    assert same.tolist() == [[False, True, False], [True, False, False], [False, False, False]]


@pytest.mark.parametrize("other", [4, 5])
def test_photos_of_a_small_face_before_one_backdrop_are_told_by_the_face(other: int) -> None:
    backdrop = np.asarray(cv2.resize(painting(3), None, fx=6, fy=6), np.uint8)
    pictures = [backdrop.copy() for _ in range(2)]
    middle, half = np.array(backdrop.shape) // 2, SIDE // 4
    for picture, seed in zip(pictures, (4, other), strict=True):
        picture[middle[0] - half : middle[0] + half, middle[1] - half : middle[1] + half] = painting(seed)[::2, ::2]
    found = shown(pictures, [(SIDE // 2 - middle[0], SIDE // 2 - middle[1])] * 2, [partial(jpg, p) for p in pictures])
    same = same_content(found, np.arange(2), np.ones((2, 2), np.bool_))
    assert same[0, 1] == (other == 4)


def test_a_photo_is_decoded_once_however_many_it_is_compared_with() -> None:
    decoded: list[int] = []

    def whole(number: int) -> bytes:
        decoded.append(number)
        return jpg(painting(number))

    found = shown([painting(0)] * 5, [(0, 0)] * 5, [partial(whole, number) for number in range(5)])
    assert not same_content(found, np.arange(5), np.zeros((5, 5), np.bool_)).any()
    assert sorted(decoded) == list(range(5))


def test_faces_too_small_to_compare_are_not_called_one_picture() -> None:
    pictures = [painting(3)] * 2
    found = shown(pictures, [(0, 0)] * 2, [partial(jpg, picture) for picture in pictures])
    tiny = replace(found, landmarks=found.landmarks * np.array([[1], [0.02]], np.float32))
    assert same_content(found, np.arange(2), np.zeros((2, 2), np.bool_))[0, 1]
    assert not same_content(tiny, np.arange(2), np.zeros((2, 2), np.bool_)).any()
