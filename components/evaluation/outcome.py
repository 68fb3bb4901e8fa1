"""The scores artefact: its tables, its summary and its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.evaluation.drawing import Drawing
from components.evaluation.leakage import QUALITY, Leakage, face_picture
from components.evaluation.looking import FITTED_TRUTH, PASTED, Picture
from model.artefacts import write_json
from model.dataset.dataset import Dataset
from validation.benchmark import paper, sanity
from validation.benchmark.bootstrap import RESAMPLES, SEED
from validation.benchmark.cases import Case, Cases, case_set
from validation.benchmark.impostors import Threshold
from validation.benchmark.metrics import ILL_CONDITIONED
from validation.benchmark.notes import (
    METHOD_NOTES,
    case_notes,
    champion_notes,
    comparison_notes,
    edit_notes,
    judge_notes,
    leakage_notes,
    protocol_notes,
)
from validation.benchmark.score import differences, slices, table
from validation.report.scores_page import scores_page

SYSTEMS = ("model", "adapter_off", PASTED)
CHECKS = (*sanity.SANITY, FITTED_TRUTH)


@dataclass(frozen=True)
class Outcome:
    """All rows of an evaluation, the cases they are of, and the judges with whether they were in the loss.

    `same` is the cosine of one person by judge, `absent` the metrics that were not measured with the reason, `systems`
    those that were judged, the one in question first; `champion` is what was found out of one that was named.
    """

    faces: pd.DataFrame
    cases: pd.DataFrame
    built: Cases
    judges: Mapping[str, bool]
    same: Mapping[str, Threshold]
    assignment: str
    absent: Mapping[str, str]
    leakage: Leakage | None
    systems: Sequence[str] = SYSTEMS
    champion: Mapping[str, Any] | None = None

    def summary(
        self, model: str, dataset: str | None, seeds: Sequence[int], steps: int | None, base: str | None = None
    ) -> dict[str, Any]:
        """What `scores.json` holds; `model`, its frozen `base` and `dataset` are the digests of what was judged.

        Whatever the cases are from, `dataset` is that of the model's training, None where it is not known.
        """
        judges = list(self.judges)
        compared = differences(self.cases, self.systems[0], self.systems[1:], judges)
        people = {person.identity for case in self.built.chosen for person in case.people}
        checks = [check for check in CHECKS if (self.cases["system"] == check).any()]
        return {
            "schema": 1,
            "protocol": "strict",
            "version": version("withanyone"),
            "model": {"digest": model, "base": base},
            "champion": dict(self.champion) if self.champion else None,
            "dataset": {"digest": dataset},
            "judges": {name: {"in_loss": in_loss} for name, in_loss in self.judges.items()},
            "judge": judges[0],
            "seeds": list(seeds),
            "steps": steps,
            "cases": len(self.built.chosen),
            "case_set": case_set(self.built.chosen),
            "identities": len(people),
            "intervals": {"method": "percentile bootstrap by case, 95 %", "resamples": RESAMPLES, "seed": SEED},
            "systems": table(self.cases, self.systems, judges),
            "differences": compared,
            "slices": slices(self.cases, self.systems, judges),
            "sanity": table(self.cases, checks, judges),
            "assignment": self.assignment,
            "same_person": {name: found.as_json() for name, found in self.same.items()},
            "ill_conditioned": {"angle": ILL_CONDITIONED, "triplets": self._ill_conditioned()},
            "paper": {"systems": paper.table(self.cases, [*self.systems, *checks], judges)},
            "metrics_absent": dict(self.absent),
            "leakage": self.leakage.as_json() if self.leakage else None,
            "left_out": dict(self.built.left_out),
            "notes": [
                *comparison_notes(compared, judges[0]),
                *judge_notes(self.judges),
                *case_notes(len(self.built.chosen), len(people), self.built.left_out),
                *edit_notes(self.built.chosen),
                *METHOD_NOTES[self.assignment],
                *protocol_notes(self.absent, self._ill_conditioned()),
                *leakage_notes(self.leakage.as_json() if self.leakage else None),
                *champion_notes(self.champion),
            ],
        }

    def _ill_conditioned(self) -> dict[str, int]:
        """How many people of the cases have a reference that is nearly their ground truth, by judge."""
        rows = self.cases[self.cases["system"] == sanity.NO_FACE]
        return {name: int(rows.loc[rows["judge"] == name, "ill_conditioned"].sum()) for name in self.judges}


def write_scores(folder: Path, outcome: Outcome, summary: dict[str, Any]) -> None:
    """Write the tables of faces (one row a wanted face and judge) and cases (a picture and judge), summary and page.

    The page shows the pictures that `folder` holds already.
    """
    for name, frame in (("faces", outcome.faces), ("cases", outcome.cases)):
        pq.write_table(
            pa.Table.from_pandas(frame, preserve_index=False), folder / f"{name}.parquet", compression="zstd"
        )
    write_json(folder / "scores.json", summary)
    (folder / "report.html").write_text(scores_page(folder), encoding="utf-8")


def write_pictures(
    folder: Path, dataset: Dataset, pictures: Sequence[tuple[Drawing, Picture]], cases: Sequence[Case]
) -> None:
    """Write `<case>/<system>-<seed>.png`, `<case>/truth.png` and `<case>/reference-<person>.jpg`."""
    for case in cases:
        (folder / case.case_id).mkdir(parents=True)
        for index, person in enumerate(case.people):
            face_picture(dataset, person.reference).save(
                folder / case.case_id / f"reference-{index}.jpg", quality=QUALITY
            )
    for drawing, picture in pictures:
        name = "truth" if drawing.system == FITTED_TRUTH else f"{drawing.system}-{drawing.seed}"
        Image.fromarray(picture).save(folder / drawing.case.case_id / f"{name}.png")
