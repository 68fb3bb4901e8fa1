"""The decision: every rule on the evidence, a verdict with its reason, and the inputs it can be replayed from."""

from collections.abc import Callable, Sequence
from typing import Any

from model.errors import UserError
from validation.benchmark.metrics import CHAMPION
from validation.gate.code import code
from validation.gate.costs import budgets
from validation.gate.evidence import UNREADABLE, Evidence, Inputs
from validation.gate.figures import figures
from validation.gate.outcome import Outcome, Verdict, reason, verdict
from validation.gate.provenance import dataset_proved, enough_cases, licences_admit, no_leakage, one_origin
from validation.gate.rules import floors, judge, judge_scores, judge_trial, not_measured
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
            "left_out": _left_out(evidence),
            "shadow": dict(evidence.shadow.report) if evidence.shadow else None,
            "not_measured": not_measured(limits, evidence.comparison) if evidence.comparison.has_champion else [],
        }
    except UNREADABLE as error:
        broken = Outcome("evidence readable", "failed", inputs.without_paths(_words(error)))
        return _decision("reject", broken.why, [broken], None, limits)
    found, words = verdict(outcomes), reason(outcomes)
    if reigning is None:
        words += f"; {NO_CHAMPION}"
    elif reigning == evidence.scores.model:
        found, words = "hold", "the model is the champion itself: there is nothing to promote"
    return _decision(found, words, outcomes, reigning, limits, **rest)


def _words(error: Exception) -> str:
    """What is wrong with the evidence, and what to do where the error itself does not say."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, KeyError):
        return f"the evidence has no {error}: run the step again that made it"
    why = (isinstance(error, OSError) and error.strerror) or error
    return f"the evidence cannot be read ({why}): run the step again that made it"


def _outcomes(evidence: Evidence, limits: Thresholds) -> list[Outcome]:
    outcomes = [
        dataset_proved(evidence),
        one_origin(evidence),
        no_leakage(evidence),
        licences_admit(evidence, limits),
        enough_cases(evidence, limits),
        *budgets(evidence, limits),
        *(judge_trial(evidence.shadow, limits) if evidence.shadow else []),
    ]
    if evidence.champion is None:
        return [*outcomes, *judge_scores(evidence.comparison, limits)]
    comparable = _comparable(evidence, limits)
    if comparable.state == "passed":
        return [*outcomes, comparable, *judge_scores(evidence.comparison, limits)]
    return [*outcomes, comparable, *(judge(rule, evidence.comparison) for rule in floors(limits))]


def _comparable(evidence: Evidence, limits: Thresholds) -> Outcome:
    """Champion and challenger were scored alike: the same people, cases and references, judge, seeds and steps.

    Cases of people whom the champion was trained on are left out for both; enough must remain.
    """
    champion, comparison = evidence.champion, evidence.comparison
    assert champion is not None
    name = "comparable with the champion"
    if champion.absent:
        return Outcome(name, "unproven", f"the champion was not drawn: {champion.absent}")
    ours, theirs = evidence.scores.summary, champion.scores.summary
    differing = [key for key in SAME if ours[key] != theirs[key]]
    both = comparison.with_champion()
    if not both.alike(CHAMPION) or ours.get("case_set") != theirs.get("case_set"):
        differing.append("set of cases")
    if differing:
        why = (
            f"the champion was scored with another {', '.join(differing)}: have it drawn beside this model "
            "(evaluate.champion), or evaluate it again as this model was"
        )
        return Outcome(name, "unproven", why)
    words = "same cases, people, references, judge, seeds, steps and protocol" + _without(evidence)
    compared = len({row[0] for row in both.ours.who})
    if compared < limits.minimum_cases:
        why = f"{words}; {compared} cases are left, at least {limits.minimum_cases} are asked for"
        return Outcome(name, "unproven", why, float(compared), threshold=float(limits.minimum_cases))
    return Outcome(name, "passed", words)


def _without(evidence: Evidence) -> str:
    """Which cases are left out, in words; nothing where none is."""
    champion, left_out = evidence.champion, evidence.comparison.left_out
    if not champion or not left_out:
        return ""
    seen = ", ".join(f"{name} ({how})" for name, how in champion.seen.items())
    return f"; {len(left_out)} cases are left out for both, for the champion was trained on {seen}"


def _left_out(evidence: Evidence) -> dict[str, Any] | None:
    """What is not compared with the champion, and how those whom it has seen were looked for; None without one."""
    champion = evidence.champion
    if champion is None or not champion.searched:
        return None
    cases = sorted(evidence.comparison.left_out)
    return {"cases": cases, "people": dict(champion.seen), "searched": champion.searched}


def _decision(
    found: Verdict, words: str, outcomes: list[Outcome], champion: str | None, limits: Thresholds, **rest: Any
) -> dict[str, Any]:
    empty: dict[str, Any] = {"inputs": {}, "figures": {}, "judge": None, "not_measured": []}
    empty |= {"left_out": None, "shadow": None}
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
