"""Both protocols side by side: the `paper` columns beside the strict ones, and in words why they differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from validation.benchmark import paper
from validation.benchmark.cases import Case
from validation.benchmark.matching import MISSING
from validation.benchmark.metrics import METRICS
from validation.benchmark.score import Rows, Rules, Sample, Truth, assignment, score

NEAR = 1e-6  # below it two values are the same
REDETECTED = (
    "paper searches the faces of ground truth and references anew, in the picture as it is compared and on the padded "
    "square, and gets other embeddings"
)


def score_both(
    case: Case, sample: Sample, truths: Mapping[str, Truth], faces: Mapping[str, paper.Faces], rules: Rules
) -> tuple[Rows, Rows]:
    """The strict rows of wanted faces and of the picture; the latter with `paper_<metric>` and `difference` added."""
    face_rows, case_rows = score(case, sample, truths, rules)
    chosen = assignment(case, sample, truths, rules)
    for row in case_rows:
        judge = row["judge"]
        found = paper.measure(sample.embeddings[judge], faces[judge])
        row |= {f"paper_{name}": np.nan if value is None else value for name, value in found.values.items()}
        row["difference"] = "; ".join(_reasons(row, chosen, found, truths[judge], faces[judge]))
    return face_rows, case_rows


def _reasons(
    row: Mapping[str, Any], chosen: np.ndarray, found: paper.Values, truth: Truth, faces: paper.Faces
) -> list[str]:
    """Why the two protocols say different things of one picture; empty where they say the same."""
    if not any(differs(row[name], row[f"paper_{name}"]) for name in paper.METRICS):
        return []
    drawn = row["faces"] - row["unsound"]
    if not drawn:
        return ["no face was found: strict counts a failure of similarity 0, paper leaves the picture out"]
    people, missing = len(chosen), int(np.count_nonzero(chosen == MISSING))
    reasons = []
    if row["unsound"]:
        reasons.append(f"{row['unsound']} faces have no finite embedding: strict counts them as not drawn")
    if missing:
        reasons.append(f"{missing} of {people} people have no face: strict counts 0 for each, paper the others alone")
    if not drawn == len(faces.truth) == len(faces.references):
        reasons.append(
            f"{drawn} faces drawn, {len(faces.truth)} in the ground truth, {len(faces.references)} references with a "
            "face: paper leaves copy-paste out"
        )
    reasons += _pairing(row, chosen, found, faces)
    if row["ill_conditioned"]:
        reasons.append(
            f"{row['ill_conditioned']} people have a reference that is nearly the ground truth: strict sets their "
            "copy-paste apart"
        )
    if not _same_faces(truth, faces):
        reasons.append(REDETECTED)
    return reasons


def _pairing(row: Mapping[str, object], chosen: np.ndarray, found: paper.Values, faces: paper.Faces) -> list[str]:
    """What the pairings and the blending have to do with a difference."""
    reasons = []
    strict = {(int(face), person) for person, face in enumerate(chosen) if face != MISSING}
    if set(found.with_truth) != strict or set(found.with_references) != strict:
        apart = "" if dict(found.with_truth) == dict(found.with_references) else ", ground truth and references apart"
        reasons.append(f"paper pairs the faces anew by likeness{apart}, strict once for all")
    if differs(row["blending"], row["paper_blending"]):
        reasons.append(
            "paper gives blending 0 where one reference is configured, strict none below two people"
            if faces.configured == 1
            else "paper's blending is the mean over all pairs it did not match, strict's over the people"
        )
    return reasons


def _same_faces(truth: Truth, faces: paper.Faces) -> bool:
    """Whether both protocols compare with the same embeddings."""
    return all(
        a.shape == b.shape and np.allclose(a, b, atol=NEAR, rtol=0)
        for a, b in ((truth.targets, faces.truth), (truth.references, faces.references))
    )


def differs(a: object, b: object) -> bool:
    """Whether two values of the tables differ; a value that is not there is None or NaN."""
    one, other = np.array([a, b], float)
    return not np.isclose(one, other, rtol=0, atol=NEAR, equal_nan=True)


def add_trimming(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `paper_trimmed`, and the trimming in `difference` where it drops a value."""
    dropped = paper.mark_outliers(rows)
    labels = dropped.map(lambda names: ", ".join(METRICS[name].label for name in names.split(", ") if name))
    words = labels.map(lambda text: f"paper drops {text} of this picture as an outlier" if text else "")
    joined = ["; ".join(filter(None, pair)) for pair in zip(rows["difference"], words, strict=True)]
    return rows.assign(paper_trimmed=dropped, difference=joined)
