"""Strangers against a bank: who is one, how sure the share is."""

import numpy as np
import pytest

from benchmarks.strangers import interval, nearest


def test_the_interval_is_drawn_by_person() -> None:
    person = np.repeat(np.arange(50), 20)
    together, apart = person < 10, np.tile(np.arange(20) < 4, 50)
    assert together.mean() == apart.mean() == pytest.approx(0.2)
    low, high = interval(together, person)
    assert low < 0.12
    assert high > 0.28
    assert interval(apart, person) == pytest.approx((0.2, 0.2))


def test_likeness_is_that_of_the_persons_centre() -> None:
    faces = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    found = nearest(faces, np.array([0, 0, 1]), np.array([[1, 0, 0]], np.float32))
    assert found == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0])
