"""Drift: a figure has drifted where the intervals lie apart."""

from pathlib import Path
from typing import Any

import pytest

from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.drift import compare, measure_drift
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run


def interval(low: float, high: float) -> dict[str, float]:
    return {"mean": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(("low", "high", "drifted"), [(0.1, 0.2, True), (0.1, 0.35, False), (0.5, 0.6, True)])
def test_only_intervals_that_lie_apart_have_drifted(low: float, high: float, drifted: bool) -> None:
    row = compare({"sim_gt": interval(0.3, 0.4), "old": interval(0, 1)}, {"sim_gt": interval(low, high)})
    assert list(row) == ["sim_gt"]
    assert row["sim_gt"]["drifted"] is drifted
    assert row["sim_gt"]["change"] == pytest.approx((low + high) / 2 - 0.35)


def test_the_champion_is_scored_again_and_the_report_lies_beside_the_scores(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    run = decided_run(tmp_path)
    asked: dict[str, Any] = {}

    def evaluate(*, scores: Path, **paths: Any) -> None:
        asked.update(paths)
        summary = read_json(run / "scores" / "scores.json")
        summary["systems"]["model"]["xface"]["sim_gt"] = interval(0.1, 0.2)
        write_json(scores / "scores.json", summary)

    with pytest.raises(UserError, match="no run 'champion'"):
        measure_drift(runs, None, tmp_path / "drift", evaluate, None)
    runs.crown(run.name)
    report = measure_drift(runs, None, tmp_path / "drift", evaluate, None)
    assert asked == {"dataset": run.resolve() / "dataset", "model": run.resolve() / "model", "config": None}
    assert report["drifted"] == ["sim_gt"]
    assert read_json(Path(report["report"]))["metrics"]["sim_gt"]["drifted"] is True
