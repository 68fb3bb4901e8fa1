"""The benchmark's formulas, in float64 over face embeddings (Xu et al., "WithAnyone", arXiv 2510.14975, section 4).

g is the generated face's embedding, t the ground-truth face's, r the reference face's; lengths do not matter. A face
that was not drawn is the zero vector: its cosine with anything is 0 and its angle to anything is a right angle.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from model.boxes import iou

EPSILON = 1e-6
MODEL = "model"  # the system that scores are of
CHAMPION = "champion"  # the system that scores hold beside the model where a champion was drawn, too
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
    "duplicates": Metric("Duplicates", "lower", 0.0, 1.0, "share of the drawn faces that repeat another face drawn"),
    "strangers": Metric("Strangers", "lower", 0.0, 1.0, "share of the drawn faces that are like nobody asked for"),
    "box_adherence": Metric("Box overlap", "higher", 0.0, 1.0, "overlap of each face with the box it was asked for in"),
    "clip_i": Metric("CLIP-I", "higher", -1.0, 1.0, "cosine of CLIP's vectors of the picture and the ground truth"),
    "clip_t": Metric("CLIP-T", "higher", -1.0, 1.0, "cosine of CLIP's vectors of the picture and the prompt"),
    "aesthetic": Metric("Aesthetic", "higher", 1.0, 10.0, "how pleasing a predictor finds the picture"),
}
ILL_CONDITIONED = 0.2  # rad: where t and r are nearer, an error of 0.02 rad in each angle moves copy-paste by 0.2


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors [..., d] scaled to length 1 in float64; zero vectors stay zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    # Scaling by the largest part first keeps the squares of very large or very small embeddings in range.
    largest = np.max(np.abs(wide), axis=-1, keepdims=True, initial=0.0)
    scaled = np.divide(wide, largest, out=np.zeros_like(wide), where=largest > 0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return np.divide(scaled, length, out=np.zeros_like(wide), where=length > 0)


def finite(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Vectors [..., d], those with a part that is not finite replaced by zeros, as of a face that is not there."""
    return np.where(np.isfinite(vectors).all(axis=-1, keepdims=True), vectors, 0.0)


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
    lower is better. A face that was not drawn gives 0. It says little where `ill_conditioned` holds.
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


def ill_conditioned(t: NDArray[np.floating], r: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where target and reference are too alike for a copy-paste score: angle(t,r) < 0.2 rad; [..., d] to [...]."""
    return np.asarray(angle(t, r) < ILL_CONDITIONED)


def duplicates(g: NDArray[np.floating], t: NDArray[np.floating], same: float) -> float:
    """Share of the drawn faces that repeat another one: (G - number of people among them) / G, in [0, 1]; 0 for G = 0.

    `g` [G, d] are all faces of the picture; two are one person where their cosine is at least `same`, also by way of a
    third. Where the wanted people `t` [P, d] look alike themselves, as twins do, as many repeats are forgiven.
    """
    if not len(g):
        return 0.0
    excess = (len(g) - _people(g, same)) - (len(t) - _people(t, same))
    return max(excess, 0) / len(g)


def _people(faces: NDArray[np.floating], same: float) -> int:
    """How many people the faces [N, d] are of."""
    if len(faces) < 2:
        return len(faces)
    table = unit(faces)
    return int(connected_components(table @ table.T >= same, directed=False)[0])


def strangers(
    g: NDArray[np.floating], t: NDArray[np.floating], r: NDArray[np.floating], same: float
) -> NDArray[np.bool_]:
    """[G] whether each drawn face `g` [G, d] has a cosine below `same` to every target and reference [P, d]."""
    wanted = unit(np.concatenate([t, r]))
    return np.asarray((unit(g) @ wanted.T).max(axis=1, initial=-1.0) < same)


def box_adherence(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> Floats:
    """Intersection over union [P] of each person's face with their box, both [P, 4] x1 y1 x2 y2 in px; in [0, 1].

    A person without a face has an empty box, which overlaps nothing.
    """
    return np.diagonal(iou(found, wanted)).copy()
