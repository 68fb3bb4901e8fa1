"""The `paper` protocol: what the released evaluator of MultiID-Bench does, in all its choices, so that figures compare.

Its choices, which flatter: generated faces are paired with the ground truth's and, apart from that, with the
references' by whichever pairing is most alike; a missing face only leaves the mean; a picture without a face is left
out; copy-paste is left out where the numbers of faces differ; each list of values loses its outliers before the mean is
taken. The references are searched on a black square of 1.5 times their longer side, the first face found is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from validation.benchmark.metrics import angle, unit

PADDING = 1.5  # sides of the black square in longer sides of the reference picture
FENCE = 1.5  # interquartile ranges beyond the quartiles from which a value is an outlier
SAME_ANGLE = 1e-6  # rad between target and reference below which copy-paste is 0
METRICS = ("sim_gt", "sim_ref", "copy_paste", "blending")
ALL = "all judges"
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Faces:
    """What one judge sees: the faces found in the ground truth [T, d], and the first of each padded reference [R, d].

    `configured` is the number of reference pictures, of which R show a face.
    """

    truth: NDArray[np.floating]
    references: NDArray[np.floating]
    configured: int


@dataclass(frozen=True)
class Values:
    """The values of one picture, None where the evaluator has none, and which faces it paired: (generated, other)."""

    values: Mapping[str, float | None]
    with_truth: Pairs
    with_references: Pairs


def padded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture [H, W, 3] in the middle of a black square of 1.5 times its longer side."""
    height, width = picture.shape[:2]
    side = int(PADDING * max(height, width))
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def measure(generated: NDArray[np.floating], faces: Faces) -> Values:
    """The evaluator's values of a picture with the faces `generated` [G, d]; embeddings that are not finite are none.

    SimGT, SimRef: mean cosine of the pairs of a Hungarian matching, no unit, in [-1, 1]. Blending: mean of the other
    cells of the table of cosines with the ground truth; 0 with one reference configured, none for a 1 x 1 table.
    Copy-paste: the mean over generated faces of (angle(g,t) - angle(g,r)) / angle(t,r), 0 where angle(t,r) < 1e-6.
    """
    g, t, r = (_sound(rows) for rows in (generated, faces.truth, faces.references))
    with_truth, with_references = _matched(g, t), _matched(g, r)
    table = g @ t.T
    rest = np.ones(table.shape, np.bool_)
    for pair in with_truth:
        rest[pair] = False
    blending = float(table[rest].mean()) if rest.any() else None
    equal = len(g) == len(t) == len(r) > 0
    return Values(
        {
            "sim_gt": _mean_cosine(g, t, with_truth),
            "sim_ref": _mean_cosine(g, r, with_references),
            "copy_paste": _copy_paste(g, t, r, with_truth, with_references) if equal else None,
            "blending": blending if faces.configured > 1 or not table.size else 0.0,
        },
        with_truth,
        with_references,
    )


def _sound(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    return unit(rows[np.isfinite(rows).all(axis=1)])


def _matched(a: NDArray[np.float64], b: NDArray[np.float64]) -> Pairs:
    """The pairs of unit rows with the greatest sum of cosines; rows of the longer side are left over."""
    if not len(a) or not len(b):
        return []
    rows, columns = linear_sum_assignment(-(a @ b.T))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _mean_cosine(a: NDArray[np.float64], b: NDArray[np.float64], pairs: Pairs) -> float | None:
    return float(np.mean([a[i] @ b[j] for i, j in pairs])) if pairs else None


def _copy_paste(
    g: NDArray[np.float64], t: NDArray[np.float64], r: NDArray[np.float64], truth: Pairs, references: Pairs
) -> float:
    other = dict(references)
    values = []
    for face, target in truth:
        reference = r[other[face]]
        apart = float(angle(t[target], reference))
        near = float(angle(g[face], t[target]) - angle(g[face], reference))
        values.append(near / apart if apart >= SAME_ANGLE else 0.0)
    return float(np.mean(values))


def trimmed(values: Sequence[float]) -> tuple[float, str, NDArray[np.bool_]]:
    """The evaluator's average of values [n], n > 0: the average, 'mean' or 'median', and which values it kept [n].

    The mean of those within 1.5 interquartile ranges of the quartiles; the median of all where these are under half.
    """
    found = np.asarray(values, np.float64)
    low, high = np.quantile(found, [0.25, 0.75])
    reach = FENCE * (high - low)
    kept = (found >= low - reach) & (found <= high + reach)
    if kept.sum() * 2 < len(found):
        return float(np.median(found)), "median", kept
    return float(found[kept].mean()), "mean", kept


def mark_outliers(rows: pd.DataFrame) -> "pd.Series[str]":
    """For each row the metrics whose value the trimming of its system and judge drops, joined by commas."""
    dropped: list[list[str]] = [[] for _ in range(len(rows))]
    numbers = np.arange(len(rows))
    for metric in METRICS:
        column = rows[f"paper_{metric}"].to_numpy(float)
        for (system, judge), _ in rows.groupby(["system", "judge"], sort=True):
            there = ((rows["system"] == system) & (rows["judge"] == judge)).to_numpy() & np.isfinite(column)
            if there.any():
                for number in numbers[there][~trimmed(column[there].tolist())[2]]:
                    dropped[number].append(metric)
    return pd.Series([", ".join(names) for names in dropped], index=rows.index, dtype=object)


def table(rows: pd.DataFrame, systems: Sequence[str], judges: Sequence[str]) -> dict[str, Any]:
    """`{system: {judge or 'all judges': {metric: average}}}` of case rows with the columns `paper_<metric>`.

    An average has `mean`, `kind`, and the numbers of pictures it is of (`n`), `trimmed` and `skipped`. 'all judges'
    pools the values of all judges before trimming, as the released evaluator does.
    """
    return {
        system: {
            name: _averages(rows[(rows["system"] == system) & rows["judge"].isin(chosen)])
            for name, chosen in {**{judge: [judge] for judge in judges}, ALL: list(judges)}.items()
        }
        for system in systems
    }


def _averages(rows: pd.DataFrame) -> dict[str, Any]:
    found = {}
    for metric in METRICS:
        column = rows[f"paper_{metric}"].to_numpy(float)
        values = column[np.isfinite(column)]
        if len(values):
            mean, kind, kept = trimmed(values.tolist())
            counts = {"n": int(kept.sum()), "trimmed": int((~kept).sum()), "skipped": len(column) - len(values)}
            found[metric] = {"mean": mean, "kind": kind} | counts
    return found
