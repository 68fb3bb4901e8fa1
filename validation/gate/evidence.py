"""What a decision rests on, read from the artefacts: scores, provenance, licences, and the digest of every input."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model.artefacts import folder_digest, read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from validation.benchmark.bootstrap import Figure, figure
from validation.benchmark.score import by_case, difference

CHAMPION = "champion"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, pa.ArrowException, UserError)


@dataclass(frozen=True)
class Scores:
    """One scores folder: its summary, its case rows, the people that were scored, and its digest."""

    summary: dict[str, Any]
    cases: pd.DataFrame
    people: frozenset[str]
    digest: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a scores folder; raises one of `UNREADABLE` where something is missing, broken or not a number."""
        summary = read_json(folder / "scores.json")
        if summary["schema"] != 1:
            raise UserError(f"{folder.name}/scores.json has schema {summary['schema']}, this version reads 1")
        cases = pq.read_table(folder / "cases.parquet").to_pandas()
        for name in ("sim_gt", "sim_ref", "copy_paste", "coverage"):
            if not cases[name].map(math.isfinite).all():
                raise UserError(f"cases.parquet of {folder.name} has a {name} that is no number: evaluate again")
        people = pq.read_table(folder / "faces.parquet", columns=["identity"])["identity"].unique().to_pylist()
        return cls(summary, cases, frozenset(map(str, people)), folder_digest(folder))

    @property
    def model(self) -> str:
        """Digest of the model that was scored."""
        return str(self.summary["model"]["digest"])

    @property
    def judge(self) -> str:
        """The judge that decides; raises UserError where it was in the training loss."""
        name = str(self.summary["judge"])
        if self.summary["judges"][name]["in_loss"]:
            raise UserError(f"scores.json: the deciding judge {name} was in the training loss; evaluate with another")
        return name


@dataclass(frozen=True)
class Evidence:
    """All that the rules look at; `training` is the model's training.json, `validation` the suite's result."""

    scores: Scores
    champion: Scores | None
    training: dict[str, Any]
    validation: dict[str, Any]
    manifest: dict[str, Any]
    inputs: dict[str, str]

    @classmethod
    def read(cls, *, dataset: Path, validation: Path, model: Path, scores: Path, champion: Path | None) -> Self:
        """Read everything; raises one of `UNREADABLE` where something is missing or broken."""
        opened = Dataset.open(dataset)
        judged = Scores.read(scores)
        reigning = Scores.read(champion) if champion else None
        inputs = {
            "dataset": opened.digest,
            "validation": folder_digest(validation),
            "model": folder_digest(model),
            "scores": judged.digest,
        }
        if reigning:
            inputs["champion_scores"] = reigning.digest
        return cls(
            judged,
            reigning,
            read_json(model / "training.json"),
            read_json(validation / "result.json"),
            opened.manifest,
            inputs,
        )

    def figure(self, metric: str, against: str | None) -> Figure | None:
        """The model's figure of a metric, or its difference to another system or to the champion, by the judge."""
        judge = self.scores.judge
        ours = by_case(self.scores.cases, "model", judge, metric)
        if against is None:
            return figure(ours.to_numpy(float))
        if against == CHAMPION:
            if self.champion is None:
                return None
            return difference(ours, by_case(self.champion.cases, "model", judge, metric))
        return difference(ours, by_case(self.scores.cases, against, judge, metric))
