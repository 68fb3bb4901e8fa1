"""The benchmark's formulas against plain float64 references, and the properties that they must have."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from validation.benchmark import metrics

Vector = NDArray[np.float64]
NUMBERS = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: value if abs(value) > 1e-3 else 0.0)
VECTORS = arrays(np.float64, 6, elements=NUMBERS).filter(lambda vector: bool(np.any(vector)))


def plain_cosine(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def plain_angle(a: Vector, b: Vector) -> float:
    return math.acos(max(-1.0, min(1.0, plain_cosine(a, b))))


def plain_copy_paste(g: Vector, t: Vector, r: Vector) -> float:
    return (plain_angle(g, t) - plain_angle(g, r)) / max(plain_angle(t, r), 1e-6)


def test_formulas_agree_with_the_plain_reference() -> None:
    g, t, r = np.random.default_rng(0).normal(size=(3, 500, 128))
    assert metrics.sim_gt(g, t) == pytest.approx([plain_cosine(a, b) for a, b in zip(g, t, strict=True)], abs=1e-12)
    assert metrics.sim_ref(g, r) == pytest.approx([plain_cosine(a, b) for a, b in zip(g, r, strict=True)], abs=1e-12)
    expected = [plain_copy_paste(a, b, c) for a, b, c in zip(g, t, r, strict=True)]
    assert metrics.copy_paste(g, t, r) == pytest.approx(expected, abs=1e-9)


def test_blending_agrees_with_the_double_sum() -> None:
    g, t = np.random.default_rng(1).normal(size=(2, 4, 32))
    total = sum(plain_cosine(g[i], t[j]) for i in range(4) for j in range(4) if i != j)
    assert metrics.blending(g, t) == pytest.approx(total / (16 - 4), abs=1e-12)
    assert metrics.blending(g[:1], t[:1]) is None


@given(VECTORS, VECTORS, VECTORS)
def test_ranges(g: Vector, t: Vector, r: Vector) -> None:
    assert -1 <= metrics.copy_paste(g, t, r) <= 1
    assert -1 <= metrics.sim_gt(g, t) <= 1
    assert 0 <= metrics.angle(g, t) <= math.pi


@given(VECTORS, VECTORS)
def test_copying_the_reference_is_one_and_matching_the_truth_is_minus_one(t: Vector, r: Vector) -> None:
    if metrics.angle(t, r) < 0.01:
        return
    assert metrics.copy_paste(r, t, r) == pytest.approx(1, abs=1e-6)
    assert metrics.copy_paste(t, t, r) == pytest.approx(-1, abs=1e-6)


@given(VECTORS, VECTORS, st.floats(1e-3, 1e3))
def test_lengths_do_not_matter(a: Vector, b: Vector, scale: float) -> None:
    assert metrics.cosine(a * scale, b) == pytest.approx(metrics.cosine(a, b), abs=1e-12)
    assert metrics.angle(a * scale, b) == pytest.approx(metrics.angle(a, b), abs=1e-7)


def test_a_missing_face_is_similar_to_nobody() -> None:
    nobody, t, r = np.zeros(8), *np.random.default_rng(2).normal(size=(2, 8))
    assert metrics.sim_gt(nobody, t) == 0
    assert metrics.copy_paste(nobody, t, r) == 0
    assert metrics.angle(nobody, t) == pytest.approx(math.pi / 2)


def test_small_angles_keep_their_digits() -> None:
    a = np.array([1.0, 0.0])
    for small in (1e-3, 1e-6, 1e-9):
        assert metrics.angle(a, np.array([math.cos(small), math.sin(small)])) == pytest.approx(small, rel=1e-6)


def test_huge_and_tiny_embeddings_neither_overflow_nor_vanish() -> None:
    a, b = np.random.default_rng(3).normal(size=(2, 16))
    assert metrics.cosine(a * 1e200, b * 1e-200) == pytest.approx(metrics.cosine(a, b), abs=1e-12)


@given(st.lists(st.booleans(), min_size=1))
def test_coverage_is_the_share_found(found: list[bool]) -> None:
    assert metrics.coverage(np.array(found)) == pytest.approx(sum(found) / len(found))
