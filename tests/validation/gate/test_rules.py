"""How a rule reads an interval, and how states make a verdict."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.benchmark.bootstrap import Figure
from validation.gate.outcome import Outcome, State, reason, verdict
from validation.gate.rules import Rule, better, floors, judge, not_worse, one_of
from validation.gate.thresholds import Thresholds


@pytest.mark.parametrize(
    ("side", "low", "high", "state"),
    [
        ("above", 0.1, 0.3, "passed"),
        ("above", -0.1, 0.3, "unproven"),
        ("above", -0.3, -0.1, "failed"),
        ("above", 0.0, 0.2, "unproven"),
        ("below", -0.3, -0.1, "passed"),
        ("below", -0.1, 0.1, "unproven"),
        ("below", 0.1, 0.3, "failed"),
    ],
)
def test_the_whole_interval_must_lie_on_the_right_side(side: str, low: float, high: float, state: str) -> None:
    rule = Rule("r", "sim_gt", "above" if side == "above" else "below", 0.0)
    assert judge(rule, lambda *_: Figure((low + high) / 2, low, high, 9)).state == state


def test_a_mean_that_is_asked_for_too() -> None:
    rule = Rule("r", "sim_gt", "above", 0.0, "adapter_off", mean=0.2)
    figures = {"passed": (0.25, 0.1, 0.4), "unproven": (0.15, 0.1, 0.25), "failed": (0.1, 0.05, 0.15)}
    for state, (mean, low, high) in figures.items():
        assert judge(rule, lambda *_, m=mean, a=low, b=high: Figure(m, a, b, 9)).state == state


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(-1, 1))
def test_above_and_below_mirror_each_other(mean: float, half: float, bound: float) -> None:
    up = judge(Rule("r", "sim_gt", "above", bound), lambda *_: Figure(mean, mean - half, mean + half, 9)).state
    down = judge(Rule("r", "sim_gt", "below", -bound), lambda *_: Figure(-mean, -mean - half, -mean + half, 9)).state
    assert up == down


@pytest.mark.parametrize("figure", [None, Figure(float("nan"), 0, 1, 3), Figure(0.5, 0.1, float("inf"), 3)])
def test_no_figure_is_no_pass(figure: Figure | None) -> None:
    for rule in [*floors(Thresholds()), *not_worse(Thresholds()), *better()]:
        assert judge(rule, lambda *_: figure).state == "failed"


def test_one_claim_is_enough() -> None:
    figures = {"sim_gt": Figure(0.1, 0.05, 0.15, 9), "copy_paste": Figure(0.1, 0.05, 0.15, 9)}
    assert one_of("better", better(), lambda metric, _: figures[metric]).state == "passed"
    assert one_of("better", better()[1:], lambda metric, _: figures[metric]).state == "failed"


@given(st.lists(st.sampled_from(["passed", "unproven", "failed"]), max_size=5))
def test_the_worst_rule_decides(states: list[State]) -> None:
    outcomes = [Outcome(f"rule {index}", state, "because") for index, state in enumerate(states)]
    found = verdict(outcomes)
    assert (found == "promote") == (bool(states) and set(states) == {"passed"})
    assert (found == "hold") == ("unproven" in states and "failed" not in states)
    for outcome, blocking in product(outcomes, ["unproven", "failed"]):
        if outcome.state == blocking:
            assert outcome.name in reason(outcomes)
