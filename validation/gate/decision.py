"""The decision: every rule on the evidence, a verdict with its reason, and the inputs it can be replayed from."""

from collections.abc import Callable, Sequence
from typing import Any

from validation.gate.code import code
from validation.gate.comparison import CHAMPION
from validation.gate.costs import budgets
from validation.gate.evidence import UNREADABLE, Evidence, Inputs
from validation.gate.figures import figures
from validation.gate.outcome import Outcome, Verdict, reason, verdict
from validation.gate.provenance import dataset_proved, enough_cases, licences_admit, no_leakage, one_origin
from validation.gate.rules import floors, judge, judge_scores, not_measured
from validation.gate.statistics import METHOD, RESAMPLES, SEED
from validation.gate.thresholds import Thresholds

NO_CHAMPION = "there is no champion: absolute rules only"
SAME = ("judge", "seeds", "steps", "protocol")  # of the summaries of two scores that can be compared
Further = Sequence[Callable[[Evidence], Outcome]]


def decide(inputs: Inputs, limits: Thresholds, further: Further = ()) -> dict[str, Any]:
    """What `decision.json` holds: the same inputs give the same bytes, so nothing in it depends on time or place.

    `further` are rules beside those of this package. Evidence that is missing or broken is a `reject` with the reason,
    never an exception and never a pass.
    """
    try:
        evidence = Evidence.read(inputs, limits.slices)
        outcomes = [*_outcomes(evidence, limits), *(rule(evidence) for rule in further)]
        reigning = evidence.champion.model if evidence.champion else None
        rest = {
            "inputs": evidence.digests,
            "judge": evidence.scores.judge,
            "figures": figures(evidence.comparison, limits),
            "not_measured": not_measured(limits, evidence.comparison) if reigning else [],
        }
    except UNREADABLE as error:
        broken = Outcome("evidence readable", "failed", inputs.without_paths(f"{type(error).__name__}: {error}"))
        return _decision("reject", broken.why, [broken], None, limits)
    found, words = verdict(outcomes), reason(outcomes)
    if reigning is None:
        words += f"; {NO_CHAMPION}"
    elif reigning == evidence.scores.model:
        found, words = "hold", "the model is the champion itself: there is nothing to promote"
    return _decision(found, words, outcomes, reigning, limits, **rest)


def _outcomes(evidence: Evidence, limits: Thresholds) -> list[Outcome]:
    outcomes = [
        dataset_proved(evidence),
        one_origin(evidence),
        no_leakage(evidence),
        licences_admit(evidence, limits),
        enough_cases(evidence, limits),
        *budgets(evidence, limits),
    ]
    if evidence.champion is None:
        return [*outcomes, *judge_scores(evidence.comparison, limits)]
    comparable = _comparable(evidence)
    if comparable.state == "passed":
        return [*outcomes, comparable, *judge_scores(evidence.comparison, limits)]
    return [*outcomes, comparable, *(judge(rule, evidence.comparison) for rule in floors(limits))]


def _comparable(evidence: Evidence) -> Outcome:
    """Champion and challenger were scored alike: the same people, cases and references, judge, seeds and steps."""
    assert evidence.champion is not None
    ours, theirs = evidence.scores.summary, evidence.champion.summary
    name = f"comparable with the {CHAMPION}"
    differing = [key for key in SAME if ours[key] != theirs[key]]
    if not evidence.comparison.alike(CHAMPION) or ours.get("case_set") != theirs.get("case_set"):
        differing.append("set of cases")
    if differing:
        why = f"the champion was scored with another {', '.join(differing)}: evaluate it again as this model was"
        return Outcome(name, "unproven", why)
    if evidence.champion.judge != evidence.scores.judge:
        return Outcome(name, "failed", "the champion was judged by another judge")
    return Outcome(name, "passed", "same cases, people, references, judge, seeds, steps and protocol")


def _decision(
    found: Verdict, words: str, outcomes: list[Outcome], champion: str | None, limits: Thresholds, **rest: Any
) -> dict[str, Any]:
    empty: dict[str, Any] = {"inputs": {}, "figures": {}, "judge": None, "not_measured": []}
    return {
        "schema": 2,
        "verdict": found,
        "reason": words,
        "by_rules": {"verdict": found, "reason": words},
        "overrides": [],
        "intended_use": limits.intended_use,
        "champion": champion,
        "rules": [outcome.as_json() for outcome in outcomes],
        "thresholds": limits.model_dump(mode="json"),
        "statistics": {"interval": METHOD, "resamples": RESAMPLES, "seed": SEED},
        "code": code(),
    } | (empty | rest)
