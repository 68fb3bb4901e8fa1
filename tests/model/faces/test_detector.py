"""Detection: decoding, suppression, batching and scale."""

import numpy as np
import pytest

from model.faces import detector
from model.faces.detector import Detector
from model.faces.retinaface import anchors


@pytest.fixture(scope="module")
def retinaface() -> Detector:
    return Detector.load()


def test_anchors_have_two_sizes_a_cell() -> None:
    count = 2 * (5 * 9 + 3 * 5 + 2 * 3)
    rows = anchors(40, 72, np.arange(count + 1))
    assert len(rows) == count
    assert rows[0].tolist() == [4, 4, 16, 16]
    assert rows[1].tolist() == [4, 4, 32, 32]
    assert rows[-1].tolist() == [80, 48, 512, 512]
    some = np.array([3, 7, 90, 95, count - 1])
    np.testing.assert_array_equal(anchors(40, 72, some), rows[some])


def test_decoding_with_zero_offsets_gives_the_anchor() -> None:
    priors = np.array([[50, 60, 20, 20]], np.float32)
    found = detector._decode(priors, np.zeros((1, 4), "f4"), np.array([0.9], "f4"), np.zeros((1, 10), "f4"))
    assert found.boxes.tolist() == [[40, 50, 60, 70]]
    assert (found.landmarks == [50, 60]).all()


def test_suppression_keeps_the_best_of_what_overlaps() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [2, 0, 12, 10]], np.float32)
    assert detector._suppress(boxes, np.array([0.7, 0.9, 0.8, 0.6], np.float32)).tolist() == [1, 2]


def test_nothing_is_found_in_noise(retinaface: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    found = retinaface.detect([noise])[0]
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_a_face_is_found_at_any_scale_and_in_any_batch(retinaface: Detector, portrait: np.ndarray) -> None:
    large = np.kron(portrait, np.ones((3, 3, 1), np.uint8))
    wide = np.pad(portrait, ((0, 0), (0, 128), (0, 0)))
    alone = retinaface.detect([portrait])[0]
    plain, big, mixed = retinaface.detect([portrait, large, wide], max_side=384)
    assert len(alone.scores) == len(plain.scores) == len(big.scores) == len(mixed.scores) == 1
    assert alone.scores[0] > 0.99
    np.testing.assert_allclose(plain.boxes, alone.boxes, atol=0.1)
    np.testing.assert_allclose(big.boxes / 3, alone.boxes, atol=12)
    np.testing.assert_allclose(mixed.landmarks, alone.landmarks, atol=4)
