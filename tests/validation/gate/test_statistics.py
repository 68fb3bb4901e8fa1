"""The gate's statistics: clustered errors against their definition, coverage of the intervals, Holm by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.gate.statistics import Design, Floats, estimate, holm


def plain(people: int, each: int) -> Design:
    """`each` cases of one person each, for every person."""
    return Design(np.repeat(np.arange(people), each), np.arange(people * each))


def test_a_mean_over_cases_of_the_mean_over_their_people() -> None:
    design = Design(np.array([0, 1, 2]), np.array([0, 0, 1]))
    found = estimate(np.array([1.0, 0.0, 0.2]), design)
    assert found is not None
    assert found.mean == pytest.approx((0.5 + 0.2) / 2)
    assert (found.cases, found.people) == (2, 3)


def test_repeating_a_persons_cases_adds_no_evidence() -> None:
    values = np.random.default_rng(1).normal(size=30)
    once, often = estimate(values, plain(30, 1)), estimate(np.repeat(values, 5), plain(30, 5))
    assert once is not None
    assert often is not None
    assert often.error == pytest.approx(once.error)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_people_who_share_a_picture_and_its_luck_count_once() -> None:
    rng = np.random.default_rng(2)
    luck = rng.normal(size=60)
    case = np.repeat(np.arange(60), 2)
    shared = estimate(luck[case], Design(np.arange(120), case))
    single = estimate(luck, plain(60, 1))
    assert shared is not None
    assert single is not None
    assert shared.error == pytest.approx(single.error, rel=0.02)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    for people, each in ((6, 4), (50, 3)):
        held = 0
        for _ in range(400):
            values = rng.normal(size=(people, 1)) + rng.normal(size=(people, each))
            found = estimate(values.ravel(), plain(people, each))
            held += found is not None and found.low <= 0 <= found.high
        assert 0.93 <= held / 400 <= 0.99


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30), st.floats(-1, 1))
def test_a_p_value_agrees_with_the_interval(values: list[float], bound: float) -> None:
    found = estimate(np.array(values), plain(len(values), 1))
    assert found is not None
    assert found.low <= found.mean <= found.high
    if found.low > bound + 1e-9:
        assert found.p_value(bound, above=True) <= 0.03
    if found.high < bound - 1e-9:
        assert found.p_value(bound, above=True) >= 0.97 - 0.03


def test_more_cases_shrink_with_the_distance_and_decide() -> None:
    values = np.random.default_rng(4).normal(0.1, 1.0, 200)
    found = estimate(values, plain(200, 1))
    assert found is not None
    near, far = found.more_cases(found.mean - 0.05), found.more_cases(found.mean - 0.15)
    assert near is not None
    assert far is not None
    assert near > far >= 1
    assert near == pytest.approx(((1.96 + 0.84) * values.std() / 0.05) ** 2 - 200, rel=0.1)
    assert found.more_cases(found.mean) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        estimate(np.array([0.1, bad]), plain(2, 1))
    nothing: Floats = np.zeros(0)
    assert estimate(nothing, plain(0, 1)) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04]) == pytest.approx([0.02, 0.04])
    assert holm([0.04, 0.01]) == pytest.approx([0.04, 0.02])
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])
    assert holm([0.9, 0.8, 0.001]) == pytest.approx([1.0, 1.0, 0.003])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_between_the_p_value_and_bonferroni(p_values: list[float]) -> None:
    for plain_p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert plain_p <= adjusted <= min(1.0, plain_p * len(p_values)) + 1e-12 or adjusted <= max(holm(p_values))
