"""Losses that run away are noticed soon, and those of few pictures a step are not taken for such."""

from collections.abc import Iterator

import numpy as np
import pytest

from model.training.trend import Trend

RUINED = 2.7  # times the loss before: where it stays after a learning rate of 0.01 at nano


def losses(steps: int, pictures: int, seed: int = 0) -> Iterator[float]:
    """Flow losses of steps at nano: single pictures' lie between 0.28 and 1.81."""
    draws = np.random.default_rng(seed)
    for _ in range(steps):
        yield float(np.exp(draws.normal(np.log(0.58), 0.25, pictures)).clip(0.28, 1.81).mean())


@pytest.mark.parametrize("pictures", [1, 2, 4, 16, 64])
def test_what_is_healthy_goes_on(pictures: int) -> None:
    trend = Trend()
    assert not any(trend.left_behind("one", loss, pictures) for loss in losses(20_000, pictures))
    assert not any(trend.left_behind("harder", 1.6 * loss, pictures) for loss in losses(500, pictures))
    assert trend.mean == pytest.approx(1.6 * 0.6, rel=0.15)


@pytest.mark.parametrize(("pictures", "good", "within"), [(1, 8, 40), (4, 1, 2), (16, 1, 3), (16, 60, 4), (512, 1, 3)])
def test_what_is_ruined_is_noticed_from_the_first_steps_on(pictures: int, good: int, within: int) -> None:
    trend = Trend()
    found = [
        trend.left_behind("one", loss * (1 if step < good else RUINED), pictures)
        for step, loss in enumerate(losses(good + within, pictures))
    ]
    assert not any(found[:good])
    assert found[-1] == trend.best == pytest.approx(0.58, rel=0.25)


def test_a_phase_that_begins_ruined_is_told_by_the_one_before() -> None:
    trend = Trend()
    assert not any(trend.left_behind("one", loss, 16) for loss in losses(20, 16))
    assert not trend.left_behind("short", 0.6, 1)  # too few pictures to say anything
    assert trend.left_behind("two", 3.3 * 0.6, 16) == pytest.approx(0.6, rel=0.1)
