"""Bootstrap intervals: they cover what they promise, agree with scipy, and never change."""

import numpy as np
import pytest
import scipy.stats

from validation.benchmark.bootstrap import figure


def test_the_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=60)
    found = figure(values)
    other = scipy.stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert found is not None
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(other.confidence_interval), abs=0.03)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    intervals = [figure(rng.normal(0.4, 0.1, size=40)) for _ in range(200)]
    covered = sum(found is not None and found.low <= 0.4 <= found.high for found in intervals)
    assert 180 <= covered <= 199


def test_the_same_values_give_the_same_interval() -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    assert figure(values) == figure(values)


def test_edges() -> None:
    assert figure([]) is None
    one = figure([0.25])
    assert one is not None
    assert (one.low, one.high, one.n) == pytest.approx((0.25, 0.25, 1))
    with pytest.raises(ValueError, match="not finite"):
        figure([0.1, float("nan")])
