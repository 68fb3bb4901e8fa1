"""Rows whose scores are known beforehand: if they come out wrong, no other figure of the page can be believed."""

import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import UserError
from validation.benchmark.cases import Case
from validation.benchmark.metrics import unit
from validation.benchmark.paper import Faces
from validation.benchmark.score import Sample, Truth

OUTPUT_IS_REFERENCE = "output = reference"
OUTPUT_IS_TRUTH = "output = ground truth"
STRANGER = "output = a stranger"
NO_FACE = "output = no face"
SANITY = (OUTPUT_IS_REFERENCE, OUTPUT_IS_TRUTH, STRANGER, NO_FACE)
EXPECTED: Mapping[str, Mapping[str, float]] = {
    OUTPUT_IS_REFERENCE: {"sim_ref": 1.0, "copy_paste": 1.0, "coverage": 1.0}
    | {"paper_sim_ref": 1.0, "paper_copy_paste": 1.0},
    OUTPUT_IS_TRUTH: {"sim_gt": 1.0, "copy_paste": -1.0, "coverage": 1.0}
    | {"paper_sim_gt": 1.0, "paper_copy_paste": -1.0},
    STRANGER: {"sim_gt": 0.0, "sim_ref": 0.0, "copy_paste": 0.0, "coverage": 1.0, "strangers": 1.0}
    | {"paper_sim_gt": 0.0, "paper_sim_ref": 0.0},
    NO_FACE: {"sim_gt": 0.0, "sim_ref": 0.0, "copy_paste": 0.0, "coverage": 0.0},
}
TOLERANCE = 1e-5


def samples(case: Case, truths: Mapping[str, Truth], seed: int) -> list[Sample]:
    """A case's sanity pictures, as the scorer would get them from a system that gave back what it was given.

    The stranger is at a right angle to every face of the case, as nearly as nobody ever is.
    """
    boxes = case.boxes()
    outputs = {
        OUTPUT_IS_REFERENCE: {judge: truth.references for judge, truth in truths.items()},
        OUTPUT_IS_TRUTH: {judge: truth.targets for judge, truth in truths.items()},
        STRANGER: {judge: _strangers(case.case_id, truth) for judge, truth in truths.items()},
        NO_FACE: {judge: truth.targets[:0] for judge, truth in truths.items()},
    }
    sure = np.ones(len(boxes), np.float32)
    return [
        Sample(case.case_id, system, seed, *((boxes, sure) if system != NO_FACE else (boxes[:0], sure[:0])), faces)
        for system, faces in outputs.items()
    ]


def faces(truths: Mapping[str, Truth]) -> dict[str, Faces]:
    """What the paper protocol compares sanity pictures with, by judge: the very faces that they are made of."""
    return {judge: Faces(truth.targets, truth.references, len(truth.references)) for judge, truth in truths.items()}


def _strangers(name: str, truth: Truth) -> NDArray[np.float32]:
    """[P, d] embeddings orthogonal to all targets and references, the same ones for the same case."""
    known = unit(np.concatenate([truth.targets, truth.references])).T
    basis = np.linalg.svd(known, full_matrices=False)[0]
    drawn = np.random.default_rng(zlib.crc32(name.encode())).normal(size=truth.targets.shape)
    return (drawn - drawn @ basis @ basis.T).astype(np.float32)


def check(rows: pd.DataFrame) -> None:
    """Refuse case rows whose sanity systems miss the known values, of both protocols, by more than 1e-5.

    Raises UserError naming the row, the metric and the case. Copy-paste of a case with a reference that is nearly its
    ground truth is not looked at: it has no known value.
    """
    for system, expected in EXPECTED.items():
        part = rows[rows["system"] == system]
        for metric, value in expected.items():
            looked = part[part["ill_conditioned"] == 0] if metric.endswith("copy_paste") else part
            wrong = looked[~((looked[metric] - value).abs() <= TOLERANCE)]
            if len(wrong):
                first = wrong.iloc[0]
                raise UserError(
                    f"benchmark sanity row '{system}': {metric} must be {value:g} but is {first[metric]:.6f} in case "
                    f"{first['case_id']} (judge {first['judge']}): do not use these scores, and report the case"
                )
