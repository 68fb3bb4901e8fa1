"""Fingerprints of aligned faces."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.dataset.fingerprint import distances, fingerprint, near_duplicates, parse


def face(seed: int) -> NDArray[np.uint8]:
    """A smooth random picture: like faces, most of its power is in low frequencies."""
    small = np.random.default_rng(seed).integers(0, 256, (12, 12)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (112, 112), interpolation=cv2.INTER_CUBIC), np.uint8)


def bits(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    return int(distances(parse([fingerprint(first)]), parse([fingerprint(second)]))[0, 0])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_mirrored_recompressed_and_shrunk_copies_are_close(seed: int) -> None:
    picture = face(seed)
    assert bits(picture, np.ascontiguousarray(picture[:, ::-1])) <= 2
    jpg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    assert bits(picture, np.asarray(cv2.imdecode(jpg, cv2.IMREAD_GRAYSCALE), np.uint8)) <= 4
    small = cv2.resize(cv2.resize(picture, (56, 56), interpolation=cv2.INTER_AREA), (112, 112))
    assert bits(picture, np.asarray(small, np.uint8)) <= 4


def test_different_pictures_are_far() -> None:
    gaps = [bits(face(2 * n), face(2 * n + 1)) for n in range(50)]
    assert min(gaps) >= 10


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_distance_counts_bits_either_way_round(a: int, b: int) -> None:
    found = distances(np.array([a], np.uint64), np.array([b], np.uint64))[0, 0]
    assert found == min((a ^ b).bit_count(), (a ^ b ^ 0x5555555555555555).bit_count())


def test_copies_need_picture_and_embedding_to_agree() -> None:
    prints = np.array([0, 0, 0xFFFFFFFF], np.uint64)
    unit = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert near_duplicates(prints, unit, prints, unit).tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]
    twins = near_duplicates(prints[:1], unit[:1], np.array([0xFFFF0000FFFF], np.uint64), unit[:1])
    assert not twins.any()
