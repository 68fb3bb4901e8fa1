"""Nobody who is to be forgotten may be in the dataset, by name, photo or face, nor in the model."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.gate.deletion import NAME, no_open_request
from components.tombstones import Tombstone, Tombstones, name_digest
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from tests.validation.gate.evidence import Made, make
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.thresholds import Thresholds


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path / "made")


def decided(made: Made, photos: Path, stone: Tombstone) -> dict[str, Any]:
    photos.mkdir()
    Tombstones(people=(stone,)).write(photos)
    file = photos / "forgotten.json"
    return decide(Inputs(**made.paths(), forgotten=file), Thresholds(), [no_open_request(file)])


def tombstone(**change: Any) -> Tombstone:
    return Tombstone(name_sha256=name_digest("nobody"), photos=(), since=date(2026, 1, 2)).model_copy(update=change)


def rule(decision: dict[str, Any]) -> dict[str, Any]:
    return dict(next(rule for rule in decision["rules"] if rule["name"] == NAME))


def test_a_person_who_is_nowhere_is_no_hindrance(made: Made, tmp_path: Path) -> None:
    decision = decided(made, tmp_path / "photos", tombstone())
    assert (decision["verdict"], rule(decision)["state"]) == ("promote", "passed")
    assert "forgotten" in decision["inputs"]


def test_a_person_who_is_still_there_rejects(made: Made, tmp_path: Path) -> None:
    dataset = Dataset.open(made.dataset)
    centre = dataset.embeddings[0] / np.linalg.norm(dataset.embeddings[0])
    stones = {
        "named in the dataset": tombstone(name_sha256=name_digest("P03")),
        "trained on or is scored on": tombstone(name_sha256=name_digest("q05")),
        "in a photo": tombstone(photos=(str(dataset.images["image_id"].iloc[0]),)),
        "to be seen": tombstone(
            recogniser=read_json(made.dataset / "manifest.json")["recogniser"]["digest"],
            centre=tuple(centre.tolist()),
            similarity=0.99,
        ),
    }
    for number, (words, stone) in enumerate(stones.items()):
        decision = decided(made, tmp_path / f"photos{number}", stone)
        assert (decision["verdict"], rule(decision)["state"]) == ("reject", "failed")
        assert words in rule(decision)["why"]


def test_a_list_that_cannot_be_read_rejects(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "forgotten.json"
    file.write_text("{]")
    decision = decide(Inputs(**made.paths(), forgotten=file), Thresholds(), [no_open_request(file)])
    assert decision["verdict"] == "reject"
    assert "somebody would be remembered" in decision["reason"]
    assert str(tmp_path) not in decision["reason"]


def test_no_list_is_said_to_be_none(made: Made) -> None:
    decision = decide(Inputs(**made.paths()), Thresholds(), [no_open_request(None)])
    assert "no list" in rule(decision)["why"]
