"""The benchmark's formulas, in float64 over face embeddings (Xu et al., "WithAnyone", arXiv 2510.14975, section 4).

g is the generated face's embedding, t the ground-truth face's, r the reference face's; lengths do not matter. A face
that was not drawn is the zero vector: its cosine with anything is 0 and its angle to anything is a right angle.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """How a metric is shown and which way is better; `low` and `high` are the ends of its range."""

    label: str
    better: Literal["higher", "lower", "neither"]
    low: float
    high: float
    meaning: str


METRICS = {
    "sim_gt": Metric("SimGT", "higher", -1.0, 1.0, "cosine of the generated face with the ground-truth face"),
    "sim_ref": Metric("SimRef", "neither", -1.0, 1.0, "cosine of the generated face with the reference face"),
    "copy_paste": Metric(
        "Copy-paste", "lower", -1.0, 1.0, "+1: equals the reference photo, -1: equals the ground truth"
    ),
    "blending": Metric("Blending", "lower", -1.0, 1.0, "mean cosine with the other people's ground-truth faces"),
    "coverage": Metric("Coverage", "higher", 0.0, 1.0, "share of the wanted people that got a face of their own"),
}


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors [..., d] scaled to length 1 in float64; zero vectors stay zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    # Scaling by the largest part first keeps the squares of very large or very small embeddings in range.
    largest = np.max(np.abs(wide), axis=-1, keepdims=True, initial=0.0)
    scaled = np.divide(wide, largest, out=np.zeros_like(wide), where=largest > 0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return np.divide(scaled, length, out=np.zeros_like(wide), where=length > 0)


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Cosine of a and b [..., d], in [-1, 1]; 0 where either is the zero vector."""
    return np.clip(np.sum(unit(a) * unit(b), axis=-1), -1.0, 1.0)


def angle(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Angle between a and b [..., d] in radians, in [0, pi]; pi/2 where one of them is the zero vector.

    Kahan's form 2 atan2(|a-b|, |a+b|): arccos loses half the digits for nearly equal vectors, the case that matters.
    """
    u, v = unit(a), unit(b)
    return 2.0 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))


def sim_gt(g: NDArray[np.floating], t: NDArray[np.floating]) -> Floats:
    """SimGT = cos(g, t), in [-1, 1], higher is better; shapes [..., d] to [...]."""
    return cosine(g, t)


def sim_ref(g: NDArray[np.floating], r: NDArray[np.floating]) -> Floats:
    """SimRef = cos(g, r), in [-1, 1]; no target: a very high value is a copied reference; shapes [..., d] to [...]."""
    return cosine(g, r)


def copy_paste(g: NDArray[np.floating], t: NDArray[np.floating], r: NDArray[np.floating]) -> Floats:
    """M_CP = (angle(g,t) - angle(g,r)) / max(angle(t,r), 1e-6), no unit; shapes [..., d] to [...].

    In [-1, 1] by the triangle inequality on angles: +1 when g equals the reference, -1 when g equals the ground truth,
    lower is better. It says little where t and r are nearly equal. A face that was not drawn gives 0.
    """
    value = (angle(g, t) - angle(g, r)) / np.maximum(angle(t, r), EPSILON)
    return np.clip(value, -1.0, 1.0)


def blending(g: NDArray[np.floating], t: NDArray[np.floating]) -> float | None:
    """Bld = 1/(N^2-N) sum over i != j of cos(g_i, t_j), in [-1, 1], lower is better; None below two people.

    `g` and `t` are [N, d], row i of both being the same person; a face that was not drawn adds zeros.
    """
    people = len(t)
    if people < 2:
        return None
    table = unit(g) @ unit(t).T
    return float((table.sum() - np.trace(table)) / (people * people - people))


def coverage(found: NDArray[np.bool_]) -> float:
    """Share of the wanted people [N] that got a face of their own, in [0, 1], higher is better."""
    return float(np.mean(found))
