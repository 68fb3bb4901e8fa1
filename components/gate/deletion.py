"""The gate's rule that nobody who is to be forgotten is in what the model was made from or is judged by."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.tombstones import Tombstone, Tombstones, name_digest
from model.dataset.dataset import Dataset
from model.similarity import nearest
from validation.gate.evidence import Evidence
from validation.gate.outcome import Outcome

NAME = "no open deletion request"


def no_open_request(file: Path | None) -> Callable[[Evidence], Outcome]:
    """The rule for the tombstones in `file`; None: there is no list, and the rule says so."""

    def rule(evidence: Evidence) -> Outcome:
        if file is None:
            return Outcome(NAME, "passed", "no list of people to be forgotten was given (gate.forgotten)")
        stones = Tombstones.read(file.parent).people
        people = [*map(str, evidence.training["identities"]), *evidence.scores.people]
        named = {name_digest(person) for person in people}
        for stone in stones:
            where = _found(stone, evidence.dataset, named)
            if where:
                why = f"a person to be forgotten since {stone.since} is still {where}: make dataset and model again"
                return Outcome(NAME, "failed", why)
        count = len({stone.name_sha256 for stone in stones})
        return Outcome(NAME, "passed", f"none of the {count} people to be forgotten is in the dataset or the model")

    return rule


def _found(stone: Tombstone, dataset: Dataset, named: set[str]) -> str:
    """Where the person still is, or an empty string."""
    if stone.name_sha256 in named:
        return "among the people whom the model was trained on or is scored on"
    if stone.name_sha256 in {name_digest(str(name)) for name in dataset.identities.index}:
        return "named in the dataset"
    if set(stone.photos) & set(dataset.images["image_id"].astype(str)):
        return "in a photo of the dataset"
    if stone.centre and stone.recogniser == dataset.manifest["recogniser"]["digest"] and len(dataset.faces):
        unit = dataset.embeddings / np.linalg.norm(dataset.embeddings, axis=1, keepdims=True)
        if nearest(unit, np.array([stone.centre], np.float32)).max() >= stone.similarity:
            return "to be seen in the dataset"
    return ""
