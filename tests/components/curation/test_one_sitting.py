"""Which photos are one picture: what prints tell is corrected by laying the one photo upon the other."""

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.curation.album import Album, Photo
from components.curation.found import Found
from components.curation.items import Item
from components.curation.registered import same_content
from components.curation.vectors import Vectors

SIDE = 256
FACE = np.array([80, 70, 176, 190], np.float32)
EYES_NOSE_MOUTH = np.array([[108, 115], [148, 115], [128, 138], [112, 160], [144, 160]], np.float32)
Picture = NDArray[np.uint8]
YES, NO = np.ones((2, 2), np.bool_), np.zeros((2, 2), np.bool_)


def photo_of(tones: int, details: int) -> Picture:
    """A photo whose tones and details are random: of one sitting where tones are the same and details are not."""

    def field(seed: int, blur: float) -> NDArray[np.float64]:
        noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
        smooth = cv2.GaussianBlur(noise, (0, 0), blur)
        return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float64)

    return np.asarray(np.clip(128 + 40 * field(tones, 25) + 15 * field(details, 4), 0, 255), np.uint8)


def moved(photo: Picture, move: NDArray[np.float64]) -> tuple[Picture, NDArray[np.float32]]:
    """The photo under an affine move, and where its landmarks are then."""
    picture = cv2.warpAffine(photo, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    points = np.column_stack([EYES_NOSE_MOUTH, np.ones(5)]) @ move.T
    return np.asarray(picture, np.uint8), np.asarray(points, np.float32)


def found_of(photos: list[tuple[Picture, NDArray[np.float32]]], box: NDArray[np.float32] = FACE) -> Found:
    """One face of the same person in each of the photos."""

    def stored(pixels: Picture) -> Photo:
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=80)
        return Photo(Item("p"), "p", SIDE, SIDE, 1, 1, 0, 0, buffer.getvalue)

    count = len(photos)
    return Found(
        photos=Album.over([stored(pixels) for pixels, _ in photos]),
        photo=np.arange(count),
        box=np.tile(box, (count, 1)),
        landmarks=np.stack([points.ravel() for _, points in photos]),
        score=np.ones(count, np.float32),
        sharpness=np.ones(count, np.float32),
        exposure=np.ones(count, np.float32),
        fingerprint=np.zeros(count, np.uint64),
        embedding=Vectors.whole(np.ones((count, 4), np.float32)),
    )


def judged(found: Found, told: NDArray[np.bool_], skip: NDArray[np.bool_] | None = None) -> bool:
    return bool(same_content(found, np.arange(2), told, skip)[0, 1])


@pytest.mark.parametrize("told", [YES, NO], ids=["told", "not told"])
def test_a_recompressed_photo_is_one_picture_and_one_of_the_same_sitting_is_not(told: NDArray[np.bool_]) -> None:
    first = (photo_of(1, 2), EYES_NOSE_MOUTH)
    assert judged(found_of([first, (photo_of(1, 2), EYES_NOSE_MOUTH)]), told)
    assert not judged(found_of([first, (photo_of(1, 3), EYES_NOSE_MOUTH)]), told)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("how", ["turned", "stretched"])
def test_what_is_told_to_be_one_picture_may_be_turned_stretched_and_mirrored(how: str, mirrored: bool) -> None:
    turned = np.asarray(cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 5, 1.0), np.float64)
    stretched = np.array([[1.12, 0, -15], [0, 1, 0]])
    other, points = moved(photo_of(1, 2), turned if how == "turned" else stretched)
    if mirrored:
        other = np.ascontiguousarray(other[:, ::-1])
        points = (points * (-1, 1) + (SIDE - 1, 0)).astype(np.float32)[[1, 0, 2, 4, 3]]
    found = found_of([(photo_of(1, 2), EYES_NOSE_MOUTH), (other, points)])
    assert judged(found, YES)
    assert not judged(found, NO), "the search for what nothing tells knows no turns"


def test_what_is_too_small_to_be_compared_or_is_to_be_skipped_is_what_was_told() -> None:
    photos = [(photo_of(1, 2), EYES_NOSE_MOUTH), (photo_of(1, 3), EYES_NOSE_MOUTH)]
    points = EYES_NOSE_MOUTH.mean(axis=0) + (EYES_NOSE_MOUTH - EYES_NOSE_MOUTH.mean(axis=0)) / 50
    tiny = found_of([photos[0], (photos[1][0], points.astype(np.float32))])
    assert judged(tiny, YES)
    assert not judged(tiny, NO)
    assert judged(found_of(photos), YES, skip=YES)
