"""The decision: every rule on the evidence, a verdict with its reason, and the inputs it can be replayed from."""

from pathlib import Path
from typing import Any

from validation.gate.evidence import CHAMPION, UNREADABLE, Evidence
from validation.gate.outcome import Outcome, Verdict, reason, verdict
from validation.gate.provenance import dataset_proved, enough_cases, licences_admit, one_origin, strangers_only
from validation.gate.rules import better, floors, judge, not_worse, one_of
from validation.gate.thresholds import Thresholds

NO_CHAMPION = "there is no champion: absolute rules only"


def decide(
    *, dataset: Path, validation: Path, model: Path, scores: Path, champion: Path | None, limits: Thresholds
) -> dict[str, Any]:
    """What `decision.json` holds: the same inputs give the same bytes, so nothing in it depends on time or place.

    Evidence that is missing or broken is a `reject` with the reason, never an exception and never a pass.
    """
    try:
        evidence = Evidence.read(dataset=dataset, validation=validation, model=model, scores=scores, champion=champion)
        outcomes = _outcomes(evidence, limits)
    except UNREADABLE as error:
        broken = Outcome(
            "evidence readable", "failed", _without_paths(error, dataset, validation, model, scores, champion)
        )
        return _decision("reject", broken.why, [broken], None, {}, limits)
    reigning = evidence.champion
    if reigning is not None and reigning.model == evidence.scores.model:
        return _decision(
            "hold",
            "the model is the champion itself: there is nothing to promote",
            outcomes,
            reigning.model,
            evidence.inputs,
            limits,
        )
    found = verdict(outcomes)
    words = reason(outcomes) + ("" if reigning else f"; {NO_CHAMPION}")
    return _decision(found, words, outcomes, reigning.model if reigning else None, evidence.inputs, limits)


def _outcomes(evidence: Evidence, limits: Thresholds) -> list[Outcome]:
    outcomes = [
        dataset_proved(evidence),
        one_origin(evidence),
        strangers_only(evidence),
        licences_admit(evidence, limits),
        enough_cases(evidence, limits),
        *(judge(rule, evidence.figure) for rule in floors(limits)),
    ]
    if evidence.champion is not None:
        outcomes.append(_comparable(evidence))
        if outcomes[-1].state == "passed":
            outcomes += [judge(rule, evidence.figure) for rule in not_worse(limits)]
            outcomes.append(one_of("better than the champion", better(), evidence.figure))
    return outcomes


def _comparable(evidence: Evidence) -> Outcome:
    """Champion and challenger were scored alike: same dataset, judge and seeds."""
    assert evidence.champion is not None
    ours, theirs = evidence.scores.summary, evidence.champion.summary
    differing = [name for name in ("dataset", "judge", "seeds", "steps", "protocol") if ours[name] != theirs[name]]
    name = f"comparable with the {CHAMPION}"
    if differing:
        why = f"the champion was scored with another {', '.join(differing)}: evaluate it again as this model was"
        return Outcome(name, "unproven", why)
    return Outcome(name, "passed", "same dataset, judge, seeds, steps and protocol")


def _decision(
    found: Verdict,
    words: str,
    outcomes: list[Outcome],
    champion: str | None,
    inputs: dict[str, str],
    limits: Thresholds,
) -> dict[str, Any]:
    return {
        "schema": 1,
        "verdict": found,
        "reason": words,
        "intended_use": limits.intended_use,
        "champion": champion,
        "rules": [outcome.as_json() for outcome in outcomes],
        "inputs": inputs,
        "thresholds": limits.model_dump(mode="json"),
    }


def _without_paths(error: Exception, *paths: Path | None) -> str:
    """The error in words that are the same wherever the artefacts lie."""
    words = f"{type(error).__name__}: {error}"
    for path in paths:
        if path is not None:
            words = words.replace(str(path), path.name)
    return words
