"""The gate's rules on scores, as data, and the one way in which they are read.

A rule asks that the whole 95 % interval of a figure lies beyond a bound. The figure is the model's own, or the model's
minus another system's, paired by case. It is failed when the whole interval lies on the wrong side, else unproven.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from validation.benchmark.bootstrap import Figure
from validation.benchmark.metrics import METRICS
from validation.gate.outcome import Outcome, State
from validation.gate.thresholds import Thresholds

Read = Callable[[str, str | None], Figure | None]  # the figure of a metric: the model's own, or minus another system's


@dataclass(frozen=True)
class Rule:
    """`metric` must lie wholly `side` of `bound`; `against` names the system that it is compared with, if any.

    `mean` asks for more: the mean must be at least that far.
    """

    name: str
    metric: str
    side: Literal["above", "below"]
    bound: float
    against: str | None = None
    mean: float | None = None


def floors(limits: Thresholds) -> list[Rule]:
    """What every model must reach, whoever is champion."""
    return [
        Rule("better than no adapter", "sim_gt", "above", 0.0, "adapter_off", mean=limits.gain),
        Rule("no copying", "copy_paste", "below", limits.copy_paste_ceiling),
        Rule("copies less than a pasted reference", "copy_paste", "below", 0.0, "reference_pasted"),
        Rule("draws everybody", "coverage", "above", limits.coverage_floor),
    ]


def not_worse(limits: Thresholds) -> list[Rule]:
    """Where a challenger must not be worse than the champion, each by more than its margin."""
    return [
        Rule("likeness not worse", "sim_gt", "above", -limits.margin_sim_gt, "champion"),
        Rule("coverage not worse", "coverage", "above", -limits.margin_coverage, "champion"),
        Rule("copying not worse", "copy_paste", "below", limits.margin_copy_paste, "champion"),
    ]


def better() -> list[Rule]:
    """Where a challenger may be better than the champion; one of them is enough."""
    return [
        Rule("more like the person", "sim_gt", "above", 0.0, "champion"),
        Rule("copies less", "copy_paste", "below", 0.0, "champion"),
    ]


def judge(rule: Rule, read: Read) -> Outcome:
    """What `rule` comes to on the figures that `read` gives; a figure that is missing or no number is a failure."""
    figure = read(rule.metric, rule.against)
    what = METRICS[rule.metric].label + (f" minus that of {rule.against}" if rule.against else "")
    if figure is None or not all(map(math.isfinite, (figure.mean, figure.low, figure.high))):
        return Outcome(rule.name, "failed", f"{what} could not be computed", threshold=rule.bound)
    state = _state(rule, figure)
    why = (
        f"{what} is {figure.mean:+.3f} (95 % interval {figure.low:+.3f} to {figure.high:+.3f}, {figure.n} cases); "
        f"asked is an interval wholly {rule.side} {rule.bound:g}"
        + (f" and a mean of at least {rule.mean:g}" if rule.mean is not None else "")
    )
    return Outcome(rule.name, state, why, figure.mean, (figure.low, figure.high), rule.bound)


def _state(rule: Rule, figure: Figure) -> State:
    sign = 1.0 if rule.side == "above" else -1.0
    low, high = sorted((sign * figure.low, sign * figure.high))
    wanted = sign * rule.bound
    far = wanted if rule.mean is None else max(wanted, sign * rule.mean)
    if low > wanted and sign * figure.mean >= far:
        return "passed"
    return "failed" if high <= wanted or high < far else "unproven"


def one_of(name: str, rules: Sequence[Rule], read: Read) -> Outcome:
    """Passed when one of the rules is; failed only when all failed.

    A 95 % interval has 2.5 % in each tail, so two claims together let an equal challenger through in at most 5 % of
    cases (Bonferroni).
    """
    outcomes = [judge(rule, read) for rule in rules]
    states = {outcome.state for outcome in outcomes}
    state: State = "passed" if "passed" in states else "unproven" if "unproven" in states else "failed"
    return Outcome(name, state, "; or ".join(outcome.why for outcome in outcomes))
