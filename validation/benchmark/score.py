"""From faces found in pictures to rows and figures: one row a wanted face, one row a picture, one figure a metric.

The strict protocol: every case counts, a missing face is a face with similarity 0, nothing is trimmed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from validation.benchmark import metrics
from validation.benchmark.bootstrap import Figure, figure
from validation.benchmark.cases import Case
from validation.benchmark.matching import MISSING, assign

Figures = dict[str, Figure]
Rows = list[dict[str, Any]]


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


def score(case: Case, sample: Sample, truths: Mapping[str, Truth]) -> tuple[Rows, Rows]:
    """Rows of the wanted faces and of the picture, for each judge of `truths`.

    An embedding that is not finite is treated as a missing face, as is a person that no face was left for.
    """
    chosen = assign(sample.boxes, case.boxes())
    face_rows: Rows = []
    case_rows: Rows = []
    for judge, truth in truths.items():
        drawn = _drawn(sample.embeddings[judge], chosen, truth.targets.shape[1])
        found = np.any(drawn != 0, axis=1)
        same = {
            "case_id": case.case_id,
            "system": sample.system,
            "seed": sample.seed,
            "judge": judge,
            "people": len(case.people),
        }
        values = {
            "sim_gt": metrics.sim_gt(drawn, truth.targets),
            "sim_ref": metrics.sim_ref(drawn, truth.references),
            "copy_paste": metrics.copy_paste(drawn, truth.targets, truth.references),
        }
        for index, person in enumerate(case.people):
            face = int(chosen[index])
            face_rows.append(
                same
                | {
                    "person": index,
                    "identity": person.identity,
                    "reference": person.reference,
                    "found": bool(found[index]),
                }
                | {name: float(column[index]) for name, column in values.items()}
                | {"box": [float(v) for v in sample.boxes[face]] if face != MISSING else None}
                | {"detection": float(sample.scores[face]) if face != MISSING else None}
            )
        case_rows.append(
            same
            | {name: float(column.mean()) for name, column in values.items()}
            | {"blending": metrics.blending(drawn, truth.targets), "coverage": metrics.coverage(found)}
            | {"extra": int(len(sample.boxes) - np.count_nonzero(chosen != MISSING))}
        )
    return face_rows, case_rows


def _drawn(embeddings: NDArray[np.float32], chosen: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """Embedding of each person's face [P, d]; zeros where there is none or it is not finite."""
    drawn = np.zeros((len(chosen), size))
    there = chosen != MISSING
    drawn[there] = embeddings[chosen[there]]
    drawn[~np.isfinite(drawn).all(axis=1)] = 0.0
    return drawn


def by_case(rows: pd.DataFrame, system: str, judge: str, metric: str) -> "pd.Series[float]":
    """One value a case (the mean over its seeds), sorted by case; cases without the metric are absent."""
    chosen = rows[(rows["system"] == system) & (rows["judge"] == judge)]
    return chosen.groupby("case_id", sort=True)[metric].mean().dropna()


def figures(rows: pd.DataFrame, system: str, judge: str) -> Figures:
    """Figure of each metric that at least one case has."""
    found = {metric: figure(by_case(rows, system, judge, metric).to_numpy(float)) for metric in metrics.METRICS}
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
    """The same table for each number of people, under names such as `people=2`."""
    counts = sorted(int(count) for count in rows["people"].unique())
    return {f"people={count}": table(rows[rows["people"] == count], systems, judges) for count in counts}


def differences(rows: pd.DataFrame, system: str, others: Iterable[str], judges: Sequence[str]) -> dict[str, Any]:
    """`{other: {judge: {metric: figure of system minus other}}}`, paired by case."""
    result: dict[str, Any] = {}
    for other in others:
        result[other] = {judge: {} for judge in judges}
        for judge in judges:
            for metric in metrics.METRICS:
                value = difference(by_case(rows, system, judge, metric), by_case(rows, other, judge, metric))
                if value is not None:
                    result[other][judge][metric] = value.as_json()
    return result
