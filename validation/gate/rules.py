"""The gate's rules on scores, as data, and the one way in which they are read.

A rule asks that the whole 95 % interval of a figure lies beyond a bound. The figure is the model's own, or the model's
minus another system's, paired face by face. It is failed when the whole interval lies on the wrong side, else unproven.

Every rule must pass, so that those that must not be worse need no correction (intersection-union: a model that is
worse somewhere passes with at most the chance of that one rule). Of the claims to be better one is enough, so these
are corrected together (Holm).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from validation.benchmark.bootstrap import Figure
from validation.benchmark.metrics import CHAMPION, METRICS
from validation.gate.comparison import Comparison, Slice
from validation.gate.outcome import Outcome, State, would_decide
from validation.gate.shadow import Trial
from validation.gate.statistics import LEVEL, Estimate, holm
from validation.gate.thresholds import Thresholds

WORDS = {
    "adapter_off": "the adapter switched off",
    "reference_pasted": "the reference pasted in",
    CHAMPION: "the champion",
}
FLOORS, NOT_WORSE, BETTER = "what every model must reach", "must not be worse", "must be better"
LIVE = "on live traffic"


@dataclass(frozen=True)
class Rule:
    """`metric` must lie wholly `side` of `bound`; `against` names the system that it is compared with, if any.

    `mean` asks for more: the mean must be at least that far. `where` is the slice that the rule is about.
    """

    name: str
    metric: str
    side: Literal["above", "below"]
    bound: float
    against: str | None = None
    mean: float | None = None
    where: Slice | None = None
    group: str = FLOORS

    def outcome(
        self,
        state: State,
        why: str,
        figure: float | None = None,
        interval: tuple[float, float] | None = None,
        p: float | None = None,
        more_cases: int | None = None,
    ) -> Outcome:
        """What the rule came to."""
        return Outcome(self.name, state, why, figure, interval, self.bound, p, more_cases, self.group, self.side)


def floors(limits: Thresholds) -> list[Rule]:
    """What every model must reach, whoever is champion."""
    return [
        Rule("better than no adapter", "sim_gt", "above", 0.0, "adapter_off", mean=limits.gain),
        Rule("no copying", "copy_paste", "below", limits.copy_paste_ceiling),
        Rule("copies less than a pasted reference", "copy_paste", "below", 0.0, "reference_pasted"),
        Rule("draws everybody", "coverage", "above", limits.coverage_floor),
        *(Rule(f"floor of {name}", name, _side(name), bound) for name, bound in sorted(limits.floors.items())),
    ]


def not_worse(limits: Thresholds, comparison: Comparison) -> list[Rule]:
    """Where a challenger must not be worse than the champion, each by more than its margin."""
    margins = {
        "sim_gt": limits.margin_sim_gt,
        "coverage": limits.margin_coverage,
        "copy_paste": limits.margin_copy_paste,
    }
    further = {name: margin for name, margin in sorted(limits.margins.items()) if _measured(name, comparison)}
    rules = [_margin(METRICS[name].label, name, margin) for name, margin in {**margins, **further}.items()]
    for part in comparison.slices(limits.slices):
        rule = _margin("SimGT", "sim_gt", limits.margin_slice)
        rules.append(replace(rule, name=f"{rule.name}, {part}", where=part))
    return rules


def not_measured(limits: Thresholds, comparison: Comparison) -> list[str]:
    """Metrics with a margin that neither the model's scores nor the champion's have."""
    return [name for name in sorted(limits.margins) if not _measured(name, comparison)]


def better() -> list[Rule]:
    """Where a challenger may be better than the champion; one of them is enough."""
    return [
        Rule("more like the person", "sim_gt", "above", 0.0, CHAMPION, group=BETTER),
        Rule("copies less", "copy_paste", "below", 0.0, CHAMPION, group=BETTER),
    ]


def on_live_traffic(limits: Thresholds) -> list[Rule]:
    """Where a challenger that was tried in the service's shadow must not be worse than the champion."""
    return [
        Rule("live similarity not worse", "similarity", "above", -limits.margin_shadow, CHAMPION, group=LIVE),
        Rule("live copying not worse", "copy", "below", limits.margin_shadow_copy, CHAMPION, group=LIVE),
    ]


def judge_trial(trial: Trial, limits: Thresholds) -> list[Outcome]:
    """What a trial in the service's shadow comes to: it drew every order, and no worse than the champion."""
    why = f"the shadow drew {trial.orders - trial.failed} of {trial.orders} orders"
    why += "; the service's log says why it failed" if trial.failed else ""
    state: State = "unproven" if trial.failed else "passed"
    drew = Outcome("drew every live order", state, why, float(trial.failed), threshold=0.0, group=LIVE)
    return [drew, *(_live(rule, trial.differences.get(rule.metric)) for rule in on_live_traffic(limits))]


def _live(rule: Rule, found: Figure | None) -> Outcome:
    if found is None:
        return rule.outcome("unproven", "no order was drawn by both")
    why = f"mean {rule.metric} of the shadow minus that of the champion is {found.mean:+.3f} (95 % interval "
    why += f"{found.low:+.3f} to {found.high:+.3f}, {found.n} orders); asked is an interval wholly {rule.side} "
    state = "unproven" if found.n < 2 else _state(rule, found)
    return rule.outcome(state, f"{why}{rule.bound:g}", found.mean, (found.low, found.high))


def judge_scores(comparison: Comparison, limits: Thresholds) -> list[Outcome]:
    """Every rule on scores: the floors, and against the champion, where there is one, margins, slices and claims."""
    outcomes = [judge(rule, comparison) for rule in floors(limits)]
    if comparison.has_champion:
        both = comparison.with_champion()
        outcomes += [judge(rule, both) for rule in not_worse(limits, both)]
        outcomes += [_no_slice(column) for column in limits.slices if column not in comparison.ours.slices]
        compared = both.slices(limits.slices)
        outcomes += [_seen_slice(part) for part in comparison.slices(limits.slices) if part not in compared]
        outcomes.append(one_of("better than the champion", better(), both))
    return outcomes


def judge(rule: Rule, comparison: Comparison) -> Outcome:
    """What `rule` comes to; a figure that is missing or no number is a failure."""
    found = comparison.estimate(rule.metric, rule.against, rule.where)
    what = METRICS[rule.metric].label + (f" minus that of {WORDS[rule.against]}" if rule.against else "")
    if found is None or not isfinite(found.mean):
        return rule.outcome("failed", f"{what} could not be computed")
    if found.units < 2:
        why = f"{what} is {found.mean:+.3f} in {_evidence(found)}, which proves nothing about others"
        return rule.outcome("unproven", why, found.mean, p=1.0, more_cases=found.cases)
    state = _state(rule, found)
    more = found.more_cases(_far(rule, found)) if state == "unproven" else None
    why = f"{what} is {_words(found)}; asked is an interval wholly {rule.side} {rule.bound:g}"
    why += f" and a mean of at least {rule.mean:g}" if rule.mean is not None else ""
    why += _plan(more) if state == "unproven" else ""
    p = found.p_value(rule.bound, rule.side == "above")
    return rule.outcome(state, why, found.mean, (found.low, found.high), p, more)


def one_of(name: str, rules: Sequence[Rule], comparison: Comparison) -> Outcome:
    """Passed when one of the claims holds after Holm's correction; failed only when all failed.

    The first step of Holm's correction of two claims asks for p below 2.5 %: the 95 % interval that each claim shows.
    """
    outcomes = [judge(rule, comparison) for rule in rules]
    adjusted = holm([1.0 if outcome.p is None else outcome.p for outcome in outcomes])
    proven = min(adjusted) <= len(rules) * LEVEL
    states = {outcome.state for outcome in outcomes}
    state: State = "passed" if proven else "failed" if states == {"failed"} else "unproven"
    best = outcomes[adjusted.index(min(adjusted))]
    numbers = [outcome.more_cases for outcome in outcomes if outcome.more_cases]
    claims = (f"{o.why} (p {p:.3g} after Holm)" for o, p in zip(outcomes, adjusted, strict=True))
    more = min(numbers) if numbers and state == "unproven" else None
    return replace(best, name=name, state=state, why="; or ".join(claims), p=min(adjusted), more_cases=more)


def _margin(label: str, metric: str, margin: float) -> Rule:
    bound = -margin if METRICS[metric].better == "higher" else margin
    return Rule(f"{label} not worse", metric, _side(metric), bound, CHAMPION, group=NOT_WORSE)


def _seen_slice(part: Slice) -> Outcome:
    why = "the champion was trained on somebody in each of these cases, so that none of them can be compared"
    return Outcome(f"SimGT not worse, {part}", "unproven", why, group=NOT_WORSE)


def _no_slice(column: str) -> Outcome:
    why = f"the scores have no column {column} to cut slices by: change gate.slices, or evaluate with it"
    return Outcome(f"slices by {column}", "failed", why, group=NOT_WORSE)


def _measured(metric: str, comparison: Comparison) -> bool:
    return any(metric in sheet.values for sheet in (comparison.ours, comparison.others[CHAMPION]))


def _side(metric: str) -> Literal["above", "below"]:
    return "above" if METRICS[metric].better == "higher" else "below"


def _far(rule: Rule, found: Estimate) -> float:
    """The bound that is still open: that of the interval, or that of the mean where the interval's is met."""
    if rule.mean is None or not (found.low > rule.bound if rule.side == "above" else found.high < rule.bound):
        return rule.bound
    return rule.mean


def _words(found: Estimate) -> str:
    return f"{found.mean:+.3f} (95 % interval {found.low:+.3f} to {found.high:+.3f}, {_evidence(found)})"


def _evidence(found: Estimate) -> str:
    cases = f"{found.cases} {'case' if found.cases == 1 else 'cases'}"
    return f"{cases} of {found.people} {'person' if found.people == 1 else 'people'}"


def _plan(more: int | None) -> str:
    if more is None:
        return "; it lies so near the bound that no number of cases worth having would decide"
    return would_decide(more)


def _state(rule: Rule, figure: Estimate | Figure) -> State:
    sign = 1.0 if rule.side == "above" else -1.0
    low, high = sorted((sign * figure.low, sign * figure.high))
    wanted = sign * rule.bound
    far = wanted if rule.mean is None else max(wanted, sign * rule.mean)
    if low > wanted and sign * figure.mean >= far:
        return "passed"
    return "failed" if high <= wanted or high < far else "unproven"
