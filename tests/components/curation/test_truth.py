"""Naming against the truth: what counts as right, wrong, missed, and as a stranger who was named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.curation.config import CurationConfig
from components.curation.truth import Naming, measure_naming
from model.dataset.dataset import Dataset
from model.errors import UserError
from pipelines.cli import app

Curate = Callable[..., Path]
Paint = Callable[..., bytes]
SIDE = 64


def box(place: int, seed: int) -> list[float]:
    """Where `paint` puts the face at that place."""
    left, top = 8 + place * (SIDE + 8), 40 + seed % 3
    return [left, top, left + SIDE, top + SIDE]


@pytest.fixture
def dataset(curate: Curate, painted: Paint) -> Dataset:
    photos = {f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate("AB", 1) for n in range(3)}
    photos |= {"scene.png": painted(1, 2, seed=9), "other.png": painted(1, 99, seed=10), "none.png": painted(seed=3)}
    return Dataset.open(curate(photos, config=CurationConfig(heldout_fraction=0.0)))


def write(path: Path, photos: dict[str, list[tuple[str, list[float]]]]) -> Path:
    rows = [{"path": k, "faces": [{"person": who, "box": where} for who, where in v]} for k, v in photos.items()]
    path.write_text(json.dumps({"schema": 1, "photos": rows}))
    return path


def test_every_face_outside_the_bank_is_counted_once(dataset: Dataset, tmp_path: Path) -> None:
    truth = {
        "A/0.png": [("A", box(0, 0))],
        "scene.png": [("A", box(0, 9)), ("B", box(1, 9))],
        "other.png": [("A", box(0, 10)), ("somebody", box(1, 10))],
        "none.png": [("B", box(0, 3))],
    }
    found = measure_naming(dataset, write(tmp_path / "t.json", truth))
    assert found == Naming(known=4, named=3, right=3, strangers=1, named_strangers=0)
    assert (found.precision, found.recall, found.stranger_rate) == (1.0, 0.75, 0.0)


def test_a_wrong_name_and_a_named_stranger_cost_precision(dataset: Dataset, tmp_path: Path) -> None:
    truth = {"scene.png": [("B", box(0, 9)), ("somebody", box(1, 9))]}
    found = measure_naming(dataset, write(tmp_path / "t.json", truth))
    assert found == Naming(known=1, named=1, right=0, strangers=1, named_strangers=1)
    assert (found.precision, found.recall, found.stranger_rate) == (0.0, 0.0, 1.0)


def test_the_command_shows_the_figures_after_the_step(dataset: Dataset, tmp_path: Path) -> None:
    """The dataset of the fixture was curated from the photos that the command is given."""
    truth = write(tmp_path / "t.json", {"scene.png": [("A", box(0, 9)), ("B", box(1, 9))]})
    words = [
        "curate",
        "--photos",
        str(tmp_path / "photos"),
        "--truth",
        str(truth),
        "--set",
        "curate.heldout_fraction=0",
        "--set",
        "curate.kinds=false",  # painted photos are flats with seams
    ]
    shown = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "one")])
    assert shown.exit_code == 0
    assert "2 faces of known people" in shown.output
    told = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "two"), "--json"])
    assert json.loads(told.stdout)["naming"]["recall"] == 1.0
    missing = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "three"), "--truth", str(tmp_path / "no.json")])
    assert missing.exit_code == 2
    assert not (tmp_path / "three").exists()


def test_a_face_elsewhere_is_not_found(dataset: Dataset, tmp_path: Path) -> None:
    truth = {"scene.png": [("A", [200.0, 100.0, 230.0, 140.0])]}
    assert measure_naming(dataset, write(tmp_path / "t.json", truth)).known == 1
    assert measure_naming(dataset, write(tmp_path / "t.json", truth)).named == 0


def test_boxes_of_a_larger_original_are_brought_to_the_stored_size(dataset: Dataset, tmp_path: Path) -> None:
    truth = write(tmp_path / "t.json", {"scene.png": [("A", [2 * value for value in box(0, 9)])]})
    said = json.loads(truth.read_text())
    said["photos"][0]["size"] = [480, 320]
    truth.write_text(json.dumps(said))
    assert measure_naming(dataset, truth).right == 1


def test_a_truth_that_is_missing_or_another_casts_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no file"):
        measure_naming(dataset, tmp_path / "absent.json")
    with pytest.raises(UserError, match="about other photos"):
        measure_naming(dataset, write(tmp_path / "t.json", {"x.png": []}))
