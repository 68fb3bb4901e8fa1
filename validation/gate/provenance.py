"""The gate's rules that are not about scores: a dataset proved good, one origin, unseen people, licences."""

from collections.abc import Iterable

from model.weights import licences
from validation.gate.evidence import Evidence
from validation.gate.outcome import Outcome, State
from validation.gate.thresholds import Thresholds

AS_LICENSED = "as licensed"  # the use of photos in training.json: what their own licence says


def dataset_proved(evidence: Evidence) -> Outcome:
    """The dataset suite passed, and expected something."""
    name, rows = "dataset proved good", evidence.validation["expectations"]
    broken = [row["name"] for row in rows if not row["success"]]
    if evidence.validation["success"] is True and rows and not broken:
        return Outcome(name, "passed", f"all {len(rows)} expectations of the suite hold")
    return Outcome(
        name, "failed", f"the suite failed: {', '.join(broken) or 'it states no success or expects nothing'}"
    )


def one_origin(evidence: Evidence) -> Outcome:
    """Scores, validation and training are of this model and this dataset."""
    name = "of one origin"
    inputs = evidence.digests
    claims = {
        "the scores are of another model": (evidence.scores.model, inputs["model"]),
        "the scores are of another dataset": (evidence.scores.summary["dataset"]["digest"], inputs["dataset"]),
        "the validation is of another dataset": (evidence.validation["dataset"]["digest"], inputs["dataset"]),
        "the model was trained on another dataset": (evidence.training["dataset"]["digest"], inputs["dataset"]),
    }
    wrong = [claim for claim, (stated, found) in claims.items() if stated != found]
    if wrong:
        return Outcome(name, "failed", "; ".join(wrong))
    return Outcome(name, "passed", "training, validation and scores name this model and this dataset")


def enough_cases(evidence: Evidence, limits: Thresholds) -> Outcome:
    """The benchmark had enough cases to decide anything."""
    count, least = len({row[0] for row in evidence.comparison.ours.who}), limits.minimum_cases
    stated = int(evidence.scores.summary["cases"])
    if stated != count:
        why = f"scores.json states {stated} cases, its tables hold {count}: evaluate again"
        return Outcome("enough cases", "failed", why, float(count), threshold=float(least))
    why = f"{count} {'case' if count == 1 else 'cases'}; at least {least} are asked for"
    state: State = "passed" if count >= least else "unproven"
    more = max(0, least - count) or None
    return Outcome("enough cases", state, why, float(count), threshold=float(least), more_cases=more)


def no_leakage(evidence: Evidence) -> Outcome:
    """Nobody of the benchmark was trained on, by this model or by the one it started from, under any name."""
    name = "no leakage"
    seen = sorted(evidence.scores.people & {str(person) for person in evidence.training["identities"]})
    if seen:
        return Outcome(name, "failed", f"trained on and scored on: {_listed(seen)}")
    searched = evidence.scores.summary.get("leakage")
    if searched is None:
        return Outcome(name, "failed", "the evaluation did not search the training faces for the benchmark's people")
    if searched["passed"] is not True:
        return Outcome(name, "failed", "people of the benchmark look like people trained on: see the scores' page")
    nearest = searched["pairs"][0]["similarity"] if searched["pairs"] else None
    words = f"none of the {len(evidence.scores.people)} people was trained on, by name or by face"
    return Outcome(name, "passed", words + (f" (the nearest two have a cosine of {nearest:.3f})" if nearest else ""))


def licences_admit(evidence: Evidence, limits: Thresholds) -> Outcome:
    """Every pretrained part and every photo's licence admits the intended use."""
    name = f"licences admit {limits.intended_use} use"
    stated = evidence.training["licences"]
    photos = {str(row["licence"]) for row in stated if row["use"] == AS_LICENSED}
    photos |= {str(licence) for licence in evidence.dataset.manifest["licences"]}
    blocking = [f"photos under {licence}" for licence in sorted(photos & set(limits.refused_licences))]
    if limits.intended_use == "commercial":
        parts = {
            (row["name"], row["licence"]): row["use"] for row in [*stated, *licences()] if row["use"] != AS_LICENSED
        }
        blocking += [f"{part} ({licence})" for (part, licence), use in sorted(parts.items()) if use != "any"]
        blocking += [f"photos under {licence}" for licence in sorted(photos - set(limits.commercial_licences))]
        if not photos:
            blocking.append("photos whose licence nobody stated")
    if blocking:
        return Outcome(name, "failed", f"not admitted by {_listed(blocking)}")
    return Outcome(
        name, "passed", f"admitted by the pretrained parts and the photos' licences ({_listed(sorted(photos))})"
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none stated"
