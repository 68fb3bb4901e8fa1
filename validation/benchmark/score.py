"""From faces found in pictures to rows and figures: one row a wanted face, one row a picture, one figure a metric.

The strict protocol: every case counts, a missing face is a face with similarity 0, nothing is trimmed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from validation.benchmark import metrics
from validation.benchmark.bootstrap import Figure, figure
from validation.benchmark.cases import Case
from validation.benchmark.matching import MISSING, assign, distance, likeness

Figures = dict[str, Figure]
Rows = list[dict[str, Any]]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Truth:
    """What one judge sees of a case: embeddings [P, d] of the ground-truth faces and of the reference faces."""

    targets: NDArray[np.float32]
    references: NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """One picture of one system: faces found, boxes [G, 4] in px, scores [G], embeddings [G, d] by judge's name."""

    case_id: str
    system: str
    seed: int
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    embeddings: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Rules:
    """How faces are tied to people, and each judge's cosine from which two faces are taken for one person."""

    same: Mapping[str, float]
    by: Literal["place", "likeness"] = "place"


def score(case: Case, sample: Sample, truths: Mapping[str, Truth], rules: Rules) -> tuple[Rows, Rows]:
    """Rows of the wanted faces and of the picture, for each judge of `truths`.

    An embedding that is not finite is treated as a missing face, as is a person that no face was left for.
    """
    chosen = assignment(case, sample, truths, rules)
    face_rows: Rows = []
    case_rows: Rows = []
    for judge, truth in truths.items():
        found = metrics.finite(sample.embeddings[judge])
        columns = _columns(case, sample, truth, found, chosen)
        same = {"case_id": case.case_id, "system": sample.system, "seed": sample.seed, "judge": judge}
        same |= {"people": len(case.people)}
        face_rows += [
            same
            | {"person": index, "identity": person.identity, "reference": person.reference}
            | {name: column[index].item() for name, column in columns.items()}
            | _place(sample, int(chosen[index]))
            for index, person in enumerate(case.people)
        ]
        case_rows.append(
            same
            | _means(columns)
            | _crowd(found, truth, rules.same[judge])
            | _blending(found, truth, chosen)
            | {"extra": int(len(sample.boxes) - np.count_nonzero(chosen != MISSING)), "faces": len(sample.boxes)}
            | {"unsound": int(np.count_nonzero(~np.isfinite(sample.embeddings[judge]).all(axis=1)))}
        )
    return face_rows, case_rows


def assignment(case: Case, sample: Sample, truths: Mapping[str, Truth], rules: Rules) -> NDArray[np.int64]:
    """For each person [P] the number of their face in the picture, or -1."""
    if rules.by == "place":
        return assign(distance(sample.boxes, case.boxes()))
    targets = {judge: truth.targets for judge, truth in truths.items()}
    references = {judge: truth.references for judge, truth in truths.items()}
    return assign(-likeness({judge: sample.embeddings[judge] for judge in truths}, targets, references))


def _columns(
    case: Case, sample: Sample, truth: Truth, found: NDArray[np.floating], chosen: NDArray[np.int64]
) -> Columns:
    """What is said of each wanted face, [P] each, under the names of the table's columns."""
    drawn, boxes = _drawn(found, chosen), _drawn(sample.boxes, chosen)
    there = np.any(drawn != 0, axis=1)
    overlap = metrics.box_adherence(boxes, case.boxes()) if case.layout else np.full(len(there), np.nan)
    return {
        "found": there,
        "sim_gt": metrics.sim_gt(drawn, truth.targets),
        "sim_ref": metrics.sim_ref(drawn, truth.references),
        "copy_paste": metrics.copy_paste(drawn, truth.targets, truth.references),
        "ill_conditioned": metrics.ill_conditioned(truth.targets, truth.references),
        "box_adherence": overlap,
    }


def _drawn(rows: NDArray[np.floating], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """The row [P, d] of each person's face; zeros where there is none."""
    drawn = np.zeros((len(chosen), rows.shape[1]))
    drawn[chosen != MISSING] = rows[chosen[chosen != MISSING]]
    return drawn


def _place(sample: Sample, face: int) -> dict[str, Any]:
    """Where a face was found and how surely."""
    if face == MISSING:
        return {"box": None, "detection": None}
    return {"box": [float(value) for value in sample.boxes[face]], "detection": float(sample.scores[face])}


def _means(columns: Columns) -> dict[str, Any]:
    """The picture's means over its people; copy-paste over those whose target and reference are not too alike."""
    sound = ~columns["ill_conditioned"]
    copy_paste = columns["copy_paste"][sound]
    return {
        "sim_gt": float(columns["sim_gt"].mean()),
        "sim_ref": float(columns["sim_ref"].mean()),
        "copy_paste": float(copy_paste.mean()) if len(copy_paste) else float("nan"),
        "coverage": metrics.coverage(columns["found"]),
        "box_adherence": float(columns["box_adherence"].mean()),
        "ill_conditioned": int(np.count_nonzero(~sound)),
    }


def _crowd(found: NDArray[np.floating], truth: Truth, same: float) -> dict[str, Any]:
    """What is said of all faces of the picture, wanted or not; those that the judge cannot embed say nothing."""
    seen = found[np.any(found != 0, axis=1)]
    strange = metrics.strangers(seen, truth.targets, truth.references, same)
    return {
        "duplicates": metrics.duplicates(seen, truth.targets, same),
        "strangers": float(strange.mean()) if len(strange) else 0.0,
    }


def _blending(found: NDArray[np.floating], truth: Truth, chosen: NDArray[np.int64]) -> dict[str, Any]:
    return {"blending": metrics.blending(_drawn(found, chosen), truth.targets)}


def by_case(rows: pd.DataFrame, system: str, judge: str, metric: str) -> "pd.Series[float]":
    """One value a case (the mean over its seeds), sorted by case; cases without the metric are absent."""
    return _means_by_case(rows, system, judge, [metric])[metric].dropna()


def _means_by_case(rows: pd.DataFrame, system: str, judge: str, measured: Sequence[str]) -> pd.DataFrame:
    """The mean of each metric over a case's seeds, one row a case in their order; all at once takes no longer."""
    chosen = rows[(rows["system"] == system) & (rows["judge"] == judge)]
    return chosen.groupby("case_id", sort=True)[list(measured)].mean()


def _measured(rows: pd.DataFrame) -> list[str]:
    """The metrics that the rows have a column of."""
    return [metric for metric in metrics.METRICS if metric in rows.columns]


def figures(rows: pd.DataFrame, system: str, judge: str) -> Figures:
    """Figure of each metric that at least one case has; those that were not measured have no column."""
    means = _means_by_case(rows, system, judge, _measured(rows))
    found = {metric: figure(means[metric].dropna().to_numpy(float)) for metric in means.columns}
    return {metric: value for metric, value in found.items() if value is not None}


def difference(ours: "pd.Series[float]", theirs: "pd.Series[float]") -> Figure | None:
    """Figure of ours minus theirs over the cases that both have (paired by case); None where they share none."""
    shared = ours.index.intersection(theirs.index).sort_values()
    return figure((ours.loc[shared] - theirs.loc[shared]).to_numpy(float))


def table(rows: pd.DataFrame, systems: Iterable[str], judges: Sequence[str]) -> dict[str, Any]:
    """`{system: {judge: {metric: figure as JSON}}}` of the case rows."""
    return {
        system: {
            judge: {metric: value.as_json() for metric, value in figures(rows, system, judge).items()}
            for judge in judges
        }
        for system in systems
    }


def slices(rows: pd.DataFrame, systems: Sequence[str], judges: Sequence[str]) -> dict[str, Any]:
    """The same table for each number of people, under names such as `people=2`, of those who have such a case."""
    parts = {f"people={count}": rows[rows["people"] == count] for count in sorted(map(int, rows["people"].unique()))}
    return {
        name: table(part, [system for system in systems if (part["system"] == system).any()], judges)
        for name, part in parts.items()
    }


def differences(rows: pd.DataFrame, system: str, others: Iterable[str], judges: Sequence[str]) -> dict[str, Any]:
    """`{other: {judge: {metric: figure of system minus other}}}`, paired by case."""
    result: dict[str, Any] = {}
    measured = _measured(rows)
    ours = {judge: _means_by_case(rows, system, judge, measured) for judge in judges}
    for other in others:
        result[other] = {judge: {} for judge in judges}
        for judge in judges:
            theirs = _means_by_case(rows, other, judge, measured)
            for metric in measured:
                value = difference(ours[judge][metric].dropna(), theirs[metric].dropna())
                if value is not None:
                    result[other][judge][metric] = value.as_json()
    return result
