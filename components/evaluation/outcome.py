"""The scores artefact: its tables, its summary and its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.evaluation.drawing import Drawing
from components.evaluation.looking import FITTED_TRUTH, PASTED, Picture
from model.dataset.dataset import Dataset
from validation.benchmark import sanity
from validation.benchmark.bootstrap import RESAMPLES, SEED
from validation.benchmark.cases import Case, Cases
from validation.benchmark.notes import METHOD_NOTES, case_notes, comparison_notes, judge_notes
from validation.benchmark.score import Rows, differences, slices, table

SYSTEMS = ("model", "adapter_off", PASTED)
CHECKS = (*sanity.SANITY, FITTED_TRUTH)
FACE_MARGIN = 0.6  # of the box's size, kept around a reference face in its picture on the page
FACE_SIDE = 160  # px of that picture
QUALITY = 92  # of the JPEG files


@dataclass(frozen=True)
class Outcome:
    """All rows of an evaluation, the cases they are of, and the judges with whether they were in the loss."""

    faces: pd.DataFrame
    cases: pd.DataFrame
    built: Cases
    judges: Mapping[str, bool]

    @classmethod
    def of(cls, scored: Sequence[tuple[Rows, Rows]], built: Cases, judges: Mapping[str, bool]) -> Self:
        """Gather the rows of all pictures."""
        faces = pd.DataFrame([row for rows, _ in scored for row in rows])
        cases = pd.DataFrame([row for _, rows in scored for row in rows])
        cases["blending"] = cases["blending"].astype(float)
        return cls(faces, cases, built, judges)

    def summary(self, model: str, dataset: str, seeds: Sequence[int], steps: int | None) -> dict[str, Any]:
        """What `scores.json` holds; `model` and `dataset` are the digests of what was judged."""
        judges = list(self.judges)
        ours, others = SYSTEMS[0], SYSTEMS[1:]
        compared = differences(self.cases, ours, others, judges)
        people = {person.identity for case in self.built.chosen for person in case.people}
        notes = [
            *comparison_notes(compared, judges[0]),
            *judge_notes(self.judges),
            *case_notes(len(self.built.chosen), len(people), self.built.left_out),
            *METHOD_NOTES,
        ]
        return {
            "schema": 1,
            "protocol": "strict",
            "version": version("withanyone"),
            "model": {"digest": model},
            "dataset": {"digest": dataset},
            "judges": {name: {"in_loss": in_loss} for name, in_loss in self.judges.items()},
            "judge": judges[0],
            "seeds": list(seeds),
            "steps": steps,
            "cases": len(self.built.chosen),
            "identities": len(people),
            "intervals": {"method": "percentile bootstrap by case, 95 %", "resamples": RESAMPLES, "seed": SEED},
            "systems": table(self.cases, SYSTEMS, judges),
            "differences": compared,
            "slices": slices(self.cases, SYSTEMS, judges),
            "sanity": table(self.cases, CHECKS, judges),
            "notes": notes,
        }


def write_tables(folder: Path, outcome: Outcome) -> None:
    """Write `faces.parquet` (one row a wanted face and judge) and `cases.parquet` (one row a picture and judge)."""
    for name, frame in (("faces", outcome.faces), ("cases", outcome.cases)):
        pq.write_table(
            pa.Table.from_pandas(frame, preserve_index=False), folder / f"{name}.parquet", compression="zstd"
        )


def write_pictures(
    folder: Path, dataset: Dataset, pictures: Sequence[tuple[Drawing, Picture]], cases: Sequence[Case]
) -> None:
    """Write `<case>/<system>-<seed>.png`, `<case>/truth.png` and `<case>/reference-<person>.jpg`."""
    for case in cases:
        (folder / case.case_id).mkdir(parents=True)
        for index, person in enumerate(case.people):
            _face(dataset, person.reference).save(folder / case.case_id / f"reference-{index}.jpg", quality=QUALITY)
    for drawing, picture in pictures:
        name = "truth" if drawing.system == FITTED_TRUTH else f"{drawing.system}-{drawing.seed}"
        Image.fromarray(picture).save(folder / drawing.case.case_id / f"{name}.png")


def _face(dataset: Dataset, face_id: str) -> Image.Image:
    """A square picture of one face with its surroundings, as far as the photo reaches."""
    face = dataset.faces.loc[[face_id]].iloc[0].to_dict()
    photo = Image.fromarray(dataset.image(str(face["image_id"])))
    left, top, right, bottom = np.asarray(face["box"], np.float64)
    half = min(max(right - left, bottom - top) * (0.5 + FACE_MARGIN), min(photo.size) / 2)
    x = min(max((left + right) / 2, half), photo.width - half)
    y = min(max((top + bottom) / 2, half), photo.height - half)
    square = (float(x - half), float(y - half), float(x + half), float(y + half))
    return photo.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.LANCZOS, box=square)
