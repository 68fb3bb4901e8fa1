"""Rows whose scores are known beforehand: if they come out wrong, no other figure of the page can be believed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from model.errors import UserError
from validation.benchmark.cases import Case
from validation.benchmark.score import Sample, Truth

OUTPUT_IS_REFERENCE = "output = reference"
OUTPUT_IS_TRUTH = "output = ground truth"
NO_FACE = "output = no face"
SANITY = (OUTPUT_IS_REFERENCE, OUTPUT_IS_TRUTH, NO_FACE)
EXPECTED = {
    OUTPUT_IS_REFERENCE: {"sim_ref": 1.0, "copy_paste": 1.0, "coverage": 1.0},
    OUTPUT_IS_TRUTH: {"sim_gt": 1.0, "copy_paste": -1.0, "coverage": 1.0},
    NO_FACE: {"sim_gt": 0.0, "sim_ref": 0.0, "copy_paste": 0.0, "coverage": 0.0},
}
TOLERANCE = 1e-5


def samples(case: Case, truths: Mapping[str, Truth], seed: int) -> list[Sample]:
    """A case's sanity pictures, as the scorer would get them from a system that gave back what it was given."""
    boxes = case.boxes()
    none = np.zeros((0, 4), np.float32)
    references = {judge: truth.references for judge, truth in truths.items()}
    targets = {judge: truth.targets for judge, truth in truths.items()}
    empty = {judge: truth.targets[:0] for judge, truth in truths.items()}
    sure = np.ones(len(boxes), np.float32)
    return [
        Sample(case.case_id, OUTPUT_IS_REFERENCE, seed, boxes, sure, references),
        Sample(case.case_id, OUTPUT_IS_TRUTH, seed, boxes, sure, targets),
        Sample(case.case_id, NO_FACE, seed, none, none[:, 0], empty),
    ]


def check(rows: pd.DataFrame) -> None:
    """Refuse case rows whose sanity systems miss the known values by more than 1e-5.

    Raises UserError naming the row, the metric and the cases; a reference that is the ground truth itself ends here.
    """
    for system, expected in EXPECTED.items():
        part = rows[rows["system"] == system]
        for metric, value in expected.items():
            wrong = part[~((part[metric] - value).abs() <= TOLERANCE)]
            if len(wrong):
                first = wrong.iloc[0]
                raise UserError(
                    f"benchmark sanity row '{system}': {metric} must be {value:g} but is {first[metric]:.6f} in case "
                    f"{first['case_id']} (judge {first['judge']}); see whether a reference repeats its ground truth"
                )
