"""What a reader must know before believing the figures, in plain sentences made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from validation.benchmark.cases import Case
from validation.benchmark.metrics import CHAMPION, METRICS

NAMES = {
    "adapter_off": "the adapter switched off",
    "reference_pasted": "the reference face pasted in",
    CHAMPION: "the champion",
}


def comparison_notes(differences: Mapping[str, Any], judge: str) -> list[str]:
    """A sentence for each baseline and each metric with a better side: better, not better, or undecided."""
    notes = []
    for baseline, by_judge in differences.items():
        for name, metric in METRICS.items():
            found = by_judge[judge].get(name)
            if metric.better == "neither" or found is None:
                continue
            verdict = _verdict(found, metric.better)
            figure = f"{found['mean']:+.3f}, "
            if found["n"] > 1:
                figure += f"95 % interval {found['low']:+.3f} to {found['high']:+.3f}, {found['n']} cases"
            else:
                figure += "1 case, which proves nothing about others"
            notes.append(f"{metric.label}: the model is {verdict} {NAMES[baseline]} ({figure}).")
    return notes


def _verdict(found: Mapping[str, float], better: str) -> str:
    low, high = (found["low"], found["high"]) if better == "higher" else (-found["high"], -found["low"])
    if low > 0 and found["n"] > 1:
        return "better than"
    if high < 0 and found["n"] > 1:
        return "NOT better than, but worse than,"
    return "NOT shown to be better than"


def case_notes(cases: int, identities: int, left_out: Mapping[str, int]) -> list[str]:
    """How many cases of how many people there are, and which held-out photos were no case."""
    notes = [f"Cases: {cases}, held-out people in them: {identities}; intervals treat the cases as independent."]
    if left_out:
        notes.append(
            "Photos or cases not used: " + "; ".join(f"{why}: {n}" for why, n in sorted(left_out.items())) + "."
        )
    return notes


def edit_notes(cases: Sequence[Case]) -> list[str]:
    """What a model that edits was shown, where it was one."""
    if not any(case.edits for case in cases):
        return []
    return ["The model edits: it was shown each ground truth with its faces blurred, and only the faces are its own."]


def judge_notes(standing: Mapping[str, bool]) -> list[str]:
    """Which judge decides and which one cannot."""
    first = next(iter(standing))
    loss = [name for name, in_loss in standing.items() if in_loss]
    notes = [
        f"{first} decides: it was not in the training loss."
        if loss
        else f"{first} decides; none of the judges is known to have been in the training loss."
    ]
    if loss:
        notes.append(
            f"{', '.join(loss)} was in the training loss: its figures are flattered, it is shown for comparison."
        )
    return notes


METHOD_NOTES = {
    by: [
        "A person without a face in the picture is a failure: similarity 0, copy-paste 0, missing from the coverage.",
        f"Faces are tied to people {how}, once for all judges; nothing is trimmed and no case is dropped.",
    ]
    for by, how in (("place", "by place"), ("likeness", "by likeness to target and reference together"))
}


def protocol_notes(absent: Mapping[str, str], ill_conditioned: Mapping[str, int]) -> list[str]:
    """Which metrics were not measured, and whose copy-paste is set apart."""
    notes = [f"{METRICS[name].label} was not measured: {why}." for name, why in absent.items()]
    notes += [
        f"Copy-paste of {count} people is set apart: to {judge} their reference is nearly the ground truth."
        for judge, count in ill_conditioned.items()
        if count
    ]
    return notes


def leakage_notes(leakage: Mapping[str, Any] | None) -> list[str]:
    """What the search for trained people among those of the benchmark found."""
    if leakage is None:
        return ["Leakage was not looked for: no dataset of the training was given."]
    bound = leakage["threshold"]
    return [
        f"No leakage: none of the {leakage['benchmark_people']} people of the benchmark is one of the "
        f"{leakage['trained_people']} trained ones; the nearest pair has a cosine of "
        f"{leakage['pairs'][0]['similarity']:.3f}, and one person is seen from {bound['cosine']:.3f} (false-match rate "
        f"{bound['false_match_rate']:.2g} a pair)."
    ]


def champion_notes(champion: Mapping[str, Any] | None) -> list[str]:
    """On which cases the champion was drawn, and whom it has seen."""
    if champion is None:
        return []
    if champion["absent"]:
        return [f"The champion was not drawn: {champion['absent']}."]
    seen = ", ".join(f"{name} ({how})" for name, how in champion["seen"].items())
    return [
        f"The champion was drawn, too, with the same cases and seeds; whom it was trained on was searched "
        f"{champion['searched']}: {seen or 'nobody of the benchmark'}."
        + (" Cases that show one of them are left out of its figures and of the comparison." if seen else "")
    ]
