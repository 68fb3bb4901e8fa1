"""What a decision rests on, read from the artefacts: scores, provenance, licences, and the digest of every input."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model.artefacts import file_digest, folder_digest, read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from validation.benchmark.metrics import CHAMPION, MODEL
from validation.gate.comparison import Comparison
from validation.gate.shadow import Trial
from validation.gate.sheets import Sheet, read_sheet

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException, UserError)
BASELINES = ("adapter_off", "reference_pasted")


@dataclass(frozen=True)
class Inputs:
    """What a decision is made from: folders of artefacts, the list of people to be forgotten, a shadow's report."""

    dataset: Path
    validation: Path
    model: Path
    scores: Path
    champion: Path | None = None
    forgotten: Path | None = None
    shadow: Path | None = None

    def digests(self) -> dict[str, str]:
        """SHA-256 of every input, by name."""
        found = {name: folder_digest(getattr(self, name)) for name in ("validation", "model", "scores")}
        found["dataset"] = Dataset.open(self.dataset).digest
        if self.champion:
            found["champion_scores"] = folder_digest(self.champion)
        if self.forgotten:
            found["forgotten"] = file_digest(self.forgotten)
        if self.shadow:
            found["shadow"] = file_digest(self.shadow)
        return found

    def without_paths(self, words: str) -> str:
        """`words` that are the same wherever the artefacts lie."""
        for path in (getattr(self, one.name) for one in fields(self)):
            if path is not None and path.name:  # "." has none, and stands in words for other things
                words = words.replace(str(path), path.name)
        return words


@dataclass(frozen=True)
class Scores:
    """One scores folder: its summary, rows of faces [one a person, picture and judge] and of pictures, costs."""

    summary: dict[str, Any]
    faces: pd.DataFrame
    cases: pd.DataFrame
    costs: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a scores folder; raises one of `UNREADABLE` where something is missing or broken."""
        summary = read_json(folder / "scores.json", "schema")
        if summary["schema"] != 1:
            raise UserError(f"{folder.name}/scores.json has schema {summary['schema']}, this version reads 1")
        faces, cases = (pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("faces", "cases"))
        costs = folder / "costs.json"
        return cls(summary, faces, cases, read_json(costs) if costs.is_file() else {})

    @property
    def people(self) -> frozenset[str]:
        """Everybody who was scored."""
        return frozenset(self.faces["identity"].astype(str))

    @property
    def model(self) -> str:
        """Digest of the model that was scored."""
        return str(self.summary["model"]["digest"])

    @property
    def judge(self) -> str:
        """The judge that decides; raises UserError where it was in the training loss."""
        name = str(self.summary["judge"])
        if self.summary["judges"][name]["in_loss"] is not False:
            raise UserError(f"scores.json: the deciding judge {name} was in the training loss; evaluate with another")
        return name

    def sheet(self, system: str, slices: tuple[str, ...]) -> Sheet | None:
        """The system's values by the judge that decides."""
        rows = [t[(t["system"] == system) & (t["judge"] == self.judge)] for t in (self.faces, self.cases)]
        return read_sheet(rows[0], rows[1], [int(seed) for seed in self.summary["seeds"]], slices, system)


@dataclass(frozen=True)
class Champion:
    """The digest of the champion's model, its scores, their folder, and the name that it goes by in them.

    `seen` are the people of the benchmark whom it was trained on, each with how that is known, `searched` how they were
    looked for; `absent` says why it was not drawn, where it was not.
    """

    model: str
    scores: Scores
    folder: Path
    system: str
    seen: Mapping[str, str] = field(default_factory=dict)
    searched: str = ""
    absent: str = ""

    @classmethod
    def find(cls, inputs: Inputs, scores: Scores) -> Self | None:
        """The champion that was drawn beside the model, or else that of the scores in `inputs.champion`."""
        stored = Scores.read(inputs.champion) if inputs.champion else None
        met = scores.summary.get("champion")
        if met is None:
            return cls(stored.model, stored, inputs.champion, MODEL) if stored and inputs.champion else None
        if stored and stored.model != met["digest"]:
            raise UserError(
                "the scores have another champion beside the model than gate.champion: leave gate.champion out"
            )
        seen = {str(name): str(how) for name, how in met["seen"].items()}
        words = str(met["searched"]), str(met["absent"])
        return cls(str(met["digest"]), scores, inputs.scores, CHAMPION, seen, *words)


@dataclass(frozen=True)
class Evidence:
    """All that the rules look at; `training` is the model's training.json, `validation` the suite's result."""

    scores: Scores
    champion: Champion | None
    comparison: Comparison
    training: dict[str, Any]
    validation: dict[str, Any]
    dataset: Dataset
    shadow: Trial | None
    digests: dict[str, str]

    @classmethod
    def read(cls, inputs: Inputs, slices: tuple[str, ...]) -> Self:
        """Read everything; raises one of `UNREADABLE` where something is missing or broken."""
        scores = Scores.read(inputs.scores)
        champion = Champion.find(inputs, scores)
        return cls(
            scores,
            champion,
            _comparison(scores, champion, slices),
            read_json(inputs.model / "training.json"),
            read_json(inputs.validation / "result.json"),
            Dataset.open(inputs.dataset),
            Trial.read(inputs.shadow, scores.model, champion.model if champion else None) if inputs.shadow else None,
            inputs.digests(),
        )


def _comparison(scores: Scores, champion: Champion | None, slices: tuple[str, ...]) -> Comparison:
    """The sheets of the model, its baselines and the champion; raises UserError where the model has none."""
    ours = scores.sheet(MODEL, slices)
    if ours is None:
        raise UserError("the scores hold no picture of the model by the judge that decides: evaluate again")
    others = {system: scores.sheet(system, slices) for system in BASELINES}
    if champion is not None and not champion.absent:
        others[CHAMPION] = champion.scores.sheet(champion.system, slices)
        if others[CHAMPION] is None:
            raise UserError("the champion's scores hold no picture of it by the judge that decides: evaluate it again")
    seen = champion.seen if champion else {}
    left_out = frozenset(case for case, _, person, _ in ours.who if person in seen)
    return Comparison(ours, {system: sheet for system, sheet in others.items() if sheet is not None}, left_out)
