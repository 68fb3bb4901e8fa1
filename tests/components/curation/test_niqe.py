"""NIQE against a plain reference of one number at a time, and its order under blur, JPEG and noise."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from components.curation.niqe import SHAPES, SHIFTS, NiqeExaminer, _features, _fit, niqe
from tests.faces import portraits


def photo() -> NDArray[np.uint8]:
    """A portrait [576, 576, 3] of enough blocks."""
    return np.asarray(cv2.resize(portraits()[0], (576, 576), interpolation=cv2.INTER_LANCZOS4), np.uint8)


def reference_fit(values: list[float]) -> tuple[float, float, float]:
    """Lasmar's moments, value by value, the shape by trying all."""
    below = [v * v for v in values if v < 0]
    above = [v * v for v in values if v > 0]
    left, right = math.sqrt(math.fsum(below) / len(below)), math.sqrt(math.fsum(above) / len(above))
    g = left / right
    r = (math.fsum(map(abs, values)) / len(values)) ** 2 / (math.fsum(v * v for v in values) / len(values))
    wanted = r * (g**3 + 1) * (g + 1) / (g * g + 1) ** 2

    def off(a: float) -> float:
        return (math.gamma(2 / a) ** 2 / (math.gamma(1 / a) * math.gamma(3 / a)) - wanted) ** 2

    a = min(SHAPES, key=off)
    k = math.sqrt(math.gamma(1 / a) / math.gamma(3 / a))
    return float(a), left * k, right * k


def reference_features(block: NDArray[np.float64]) -> list[float]:
    side = len(block)
    a, left, right = reference_fit(block.ravel().tolist())
    row = [a, (left + right) / 2]
    for down, across in SHIFTS:
        cells = [(y, x) for y in range(side) for x in range(side)]
        products = [float(block[y, x] * block[(y - down) % side, (x - across) % side]) for y, x in cells]
        a, left, right = reference_fit(products)
        row += [a, (right - left) * math.gamma(2 / a) / math.gamma(1 / a), left, right]
    return row


def test_features_are_those_of_the_reference() -> None:
    blocks = np.random.default_rng(3).laplace(size=(2, 12, 12)) * [[[1.0]], [[0.3]]] + 0.1
    expected = [reference_features(block) for block in blocks]
    np.testing.assert_allclose(_features(blocks), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_a_fit_finds_the_shape_and_the_scales_that_values_were_drawn_from(shape: float) -> None:
    from scipy.stats import gennorm

    drawn = gennorm.rvs(shape, size=(1, 300, 300), random_state=5)
    found, left, right = _fit(drawn)
    np.testing.assert_allclose([found[0], left[0], right[0]], [shape, 1, 1], rtol=0.05)


def test_blur_noise_and_compression_raise_the_score_step_by_step() -> None:
    clean = photo()
    noise = np.random.default_rng(1).normal(size=clean.shape)

    def jpeg(quality: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.imdecode(cv2.imencode(".jpg", clean, [1, quality])[1], 1), np.uint8)

    blurred = [cv2.GaussianBlur(clean, (0, 0), sigma) for sigma in (2, 4)]
    noisy = [np.clip(clean + strength * noise, 0, 255).astype(np.uint8) for strength in (60, 120)]
    packed = [jpeg(quality) for quality in (20, 5)]
    for series in (blurred, noisy, packed):
        scores = [marks["niqe"] for marks in NiqeExaminer().examine([clean, *series])]
        assert scores == sorted(scores), scores


def test_flat_and_small_pictures_are_borne() -> None:
    small, flat = NiqeExaminer().examine([np.zeros((300, 300, 3), np.uint8), np.full((480, 480, 3), 90, np.uint8)])
    assert small["niqe"] is None
    assert math.isfinite(flat["niqe"])
    assert niqe(np.zeros((95, 2000), np.uint8), np.zeros(36), np.eye(36)) is None
