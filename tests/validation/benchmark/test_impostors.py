"""The cosine of one person: it lets through what it says, is not moved by a person under two names, needs pairs."""

import numpy as np
import pytest

from validation.benchmark.impostors import FIXED, between, threshold


def test_the_stated_share_of_different_people_lies_above_it() -> None:
    rng = np.random.default_rng(0)
    learned, others = rng.normal(0.1, 0.1, size=(2, 200_000))
    for rate in (1e-2, 1e-3):
        assert np.mean(others > threshold(learned[:5000], rate).cosine) == pytest.approx(rate, rel=0.5)


def test_a_person_under_two_names_does_not_raise_it() -> None:
    cosines = np.random.default_rng(1).normal(0.1, 0.1, size=780)
    assert threshold(np.append(cosines, 0.98), 1e-5).cosine == pytest.approx(threshold(cosines, 1e-5).cosine, abs=0.01)


def test_too_few_pairs_give_the_published_value() -> None:
    assert threshold(np.zeros(19), 1e-3).as_json() == {
        "cosine": FIXED,
        "false_match_rate": 1e-3,
        "pairs": 19,
        "rule": "fixed",
    }


def test_only_pairs_of_different_people_count() -> None:
    rows = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    assert between(["a", "a", "b"], rows).tolist() == [0.0, 0.0]
