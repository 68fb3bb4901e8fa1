"""How a rule reads an interval, and how states make a verdict."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.benchmark.metrics import CHAMPION
from validation.gate.comparison import Comparison
from validation.gate.outcome import Outcome, State, reason, verdict
from validation.gate.rules import Rule, better, floors, judge, judge_scores, not_worse, one_of
from validation.gate.sheets import Sheet
from validation.gate.statistics import Design
from validation.gate.thresholds import Thresholds

CASES = 40


def sheet(sim_gt: float = 0.0, copy_paste: float = 0.0, noise: float = 0.1) -> Sheet:
    """One person a case; means as given, half the cases `noise` above and half below."""
    swing = noise * np.where(np.arange(CASES) % 2, 1.0, -1.0)
    who = tuple((f"c{index}", "0", f"p{index}", "r") for index in range(CASES))
    values = {"sim_gt": sim_gt + swing, "copy_paste": copy_paste + swing, "coverage": np.ones(CASES)}
    return Sheet(who, Design(np.arange(CASES), np.arange(CASES)), values, {"people": ("1",) * CASES})


def alone(mean: float, noise: float = 0.1) -> Comparison:
    return Comparison(sheet(mean, noise=noise), {})


def against(sim_gt: float, copy_paste: float = 0.0) -> Comparison:
    still = sheet(noise=0.0)
    return Comparison(sheet(sim_gt, copy_paste), {CHAMPION: still, "adapter_off": still, "reference_pasted": still})


@pytest.mark.parametrize(("mean", "state"), [(0.1, "passed"), (0.01, "unproven"), (-0.1, "failed"), (0.0, "unproven")])
@pytest.mark.parametrize("side", ["above", "below"])
def test_the_whole_interval_must_lie_on_the_right_side(side: str, mean: float, state: str) -> None:
    above = side == "above"
    outcome = judge(Rule("r", "sim_gt", "above" if above else "below", 0.0), alone(mean if above else -mean))
    assert outcome.state == state
    assert (outcome.more_cases is not None) == (mean == 0.01)
    assert outcome.side == side


def test_a_mean_that_is_asked_for_too() -> None:
    rule = Rule("r", "sim_gt", "above", 0.0, mean=0.2)
    assert [judge(rule, alone(mean)).state for mean in (0.25, 0.19, 0.1)] == ["passed", "unproven", "failed"]


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(-1, 1))
def test_above_and_below_mirror_each_other(mean: float, noise: float, bound: float) -> None:
    up = judge(Rule("r", "sim_gt", "above", bound), alone(mean, noise))
    down = judge(Rule("r", "sim_gt", "below", -bound), alone(-mean, -noise))
    assert up.state == down.state
    assert up.p == pytest.approx(down.p, abs=1e-12)


def test_no_figure_is_no_pass() -> None:
    nothing = Comparison(Sheet((), Design(np.zeros(0, int), np.zeros(0, int)), {}, {}), {CHAMPION: sheet()})
    for rule in [*floors(Thresholds(floors={"coverage": 0.5})), *not_worse(Thresholds(), nothing), *better()]:
        assert judge(rule, nothing).state == "failed"


def test_one_person_or_one_case_proves_nothing() -> None:
    every = np.zeros(CASES, int)
    for design in (Design(every, np.arange(CASES)), Design(np.arange(CASES), every)):
        lone = Comparison(Sheet(sheet().who, design, sheet(0.5).values, {}), {})
        outcome = judge(Rule("r", "sim_gt", "above", 0.0), lone)
        assert (outcome.state, outcome.interval) == ("unproven", None)


def test_other_cases_are_not_compared() -> None:
    other = Sheet(sheet().who[::-1], sheet().design, sheet().values, {})
    assert judge(better()[0], Comparison(sheet(0.5), {CHAMPION: other})).state == "failed"


def test_one_claim_is_enough_and_neither_may_be_worse() -> None:
    assert one_of("better", better(), against(0.1, 0.02)).state == "passed"
    assert one_of("better", better(), against(-0.1, -0.1)).state == "passed"
    assert one_of("better", better(), against(-0.1, 0.1)).state == "failed"
    assert one_of("better", better(), against(0.0, 0.0)).state == "unproven"
    assert verdict(judge_scores(against(0.1, 0.2), Thresholds(gain=0.0, copy_paste_ceiling=0.9))) == "reject"


@given(st.lists(st.sampled_from(["passed", "unproven", "failed"]), max_size=5))
def test_the_worst_rule_decides(states: list[State]) -> None:
    outcomes = [Outcome(f"rule {index}", state, "because") for index, state in enumerate(states)]
    found = verdict(outcomes)
    assert (found == "promote") == (bool(states) and set(states) == {"passed"})
    assert (found == "hold") == ("unproven" in states and "failed" not in states)
    for outcome, blocking in product(outcomes, ["unproven", "failed"]):
        if outcome.state == blocking:
            assert outcome.name in reason(outcomes)
