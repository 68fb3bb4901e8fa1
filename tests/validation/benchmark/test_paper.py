"""The paper protocol against an independent float64 implementation in plain Python, by brute force over pairings."""

import math
from itertools import permutations
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from validation.benchmark import paper

Rows = list[list[float]]


def cosine(a: list[float], b: list[float]) -> float:
    top = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return top / math.sqrt(math.fsum(x * x for x in a)) / math.sqrt(math.fsum(x * x for x in b))


def angle(a: list[float], b: list[float]) -> float:
    return math.acos(max(-1.0, min(1.0, cosine(a, b))))


def pairing(a: Rows, b: Rows) -> list[tuple[int, int]]:
    """The best of all pairings, tried one by one."""
    if len(a) > len(b):
        return [(i, j) for j, i in pairing(b, a)]
    orders = permutations(range(len(b)), len(a))
    return list(enumerate(max(orders, key=lambda order: sum(cosine(a[i], b[j]) for i, j in enumerate(order)))))


def reference(g: Rows, t: Rows, r: Rows) -> dict[str, float | None]:
    truth, references = pairing(g, t), pairing(g, r)
    others = [cosine(a, b) for i, a in enumerate(g) for j, b in enumerate(t) if (i, j) not in truth]
    blending = sum(others) / len(others) if others else None
    pasted = None
    if g and len(g) == len(t) == len(r):
        other = dict(references)
        parts = [
            (angle(g[i], t[j]) - angle(g[i], r[other[i]])) / angle(t[j], r[other[i]])
            if angle(t[j], r[other[i]]) > 1e-6
            else 0
            for i, j in truth
        ]
        pasted = sum(parts) / len(parts)
    return {
        "sim_gt": sum(cosine(g[i], t[j]) for i, j in truth) / len(truth) if truth else None,
        "sim_ref": sum(cosine(g[i], r[j]) for i, j in references) / len(references) if references else None,
        "copy_paste": pasted,
        "blending": 0.0 if len(r) == 1 and g and t else blending,
    }


@settings(max_examples=150)
@given(st.integers(0, 2**31), st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4)))
def test_it_agrees_with_the_independent_implementation(seed: int, counts: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(4, 24))
    g, t, r = (people[:count] + rng.normal(scale=0.7, size=(count, 24)) for count in counts)
    found = paper.measure(g, paper.Faces(t, r, len(r))).values
    for metric, expected in reference(g.tolist(), t.tolist(), r.tolist()).items():
        assert found[metric] == (None if expected is None else pytest.approx(expected, abs=1e-6)), metric


@given(st.lists(st.integers(-64, 64).map(lambda number: number / 64), min_size=1, max_size=30))  # exact in binary
def test_averages_leave_out_outliers_as_the_evaluator_does(values: list[float]) -> None:
    ordered = sorted(values)

    def quartile(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    reach = 1.5 * (quartile(0.75) - quartile(0.25))
    kept = [value for value in values if quartile(0.25) - reach <= value <= quartile(0.75) + reach]
    found, kind, marked = paper.trimmed(values)
    assert (kind, int(marked.sum())) == ("mean", len(kept))
    assert found == pytest.approx(sum(kept) / len(kept), abs=1e-6)


def test_the_median_stands_where_more_than_half_would_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "FENCE", -0.45)  # with the published fence no list of numbers comes to this
    values = [0.0, 0.0, 0.4, 1.0, 1.0]
    assert paper.trimmed(values)[:2] == (median(values), "median")


def test_an_outlier_is_dropped_and_named() -> None:
    average, kind, kept = paper.trimmed([0.4, 0.41, 0.42, 0.43, -0.9])
    assert (kind, kept.tolist()) == ("mean", [True] * 4 + [False])
    assert average == pytest.approx(0.415)


def test_embeddings_that_are_no_numbers_are_no_faces() -> None:
    rng = np.random.default_rng(0)
    g, t, r = rng.normal(size=(3, 2, 8))
    g[1] = np.nan
    found = paper.measure(g, paper.Faces(t, r, 2)).values
    assert found["copy_paste"] is None
    assert found["sim_gt"] == pytest.approx(paper.measure(g[:1], paper.Faces(t, r, 2)).values["sim_gt"])


@pytest.mark.parametrize(("height", "width"), [(30, 20), (20, 31), (1, 1)])
def test_a_reference_lies_in_the_middle_of_a_black_square(height: int, width: int) -> None:
    picture: NDArray[np.uint8] = np.full((height, width, 3), 200, np.uint8)
    square = paper.padded(picture)
    assert square.shape[0] == square.shape[1] == int(1.5 * max(height, width))
    assert int((square == 200).all(axis=2).sum()) == height * width
    top, left = np.argwhere(square.any(axis=2))[0]
    assert (top, left) == ((square.shape[0] - height) // 2, (square.shape[1] - width) // 2)
