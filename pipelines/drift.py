"""Drift: the champion scored again, on the benchmark of the newest dataset, beside what it had when it was promoted."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.artefacts import read_json, write_json
from pipelines.runs import Runs

Evaluate = Callable[..., None]


def measure_drift(runs: Runs, dataset: Path | None, out: Path, evaluate: Evaluate, config: Any) -> dict[str, Any]:
    """Score the champion's model on `dataset` (None: the latest run's) into a new folder of `out`; returns the report.

    A metric has drifted where the two 95 % intervals do not meet. Raises UserError where there is no champion.
    """
    champion = runs.find("champion")
    place = out / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    measured = dataset or runs.find() / "dataset"
    evaluate(dataset=measured, model=champion / "model", scores=place / "scores", config=config)
    before, after = read_json(champion / "scores" / "scores.json"), read_json(place / "scores" / "scores.json")
    report: dict[str, Any] = {
        "schema": 1,
        "champion": champion.name,
        "dataset": {"before": before["dataset"]["digest"], "after": after["dataset"]["digest"]},
        "judge": {"before": before["judge"], "after": after["judge"]},
        "metrics": compare(_figures(before), _figures(after)),
    }
    report["drifted"] = sorted(name for name, row in report["metrics"].items() if row["drifted"])
    write_json(place / "drift.json", report)
    return {"report": str(place / "drift.json"), **report}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Each metric that both have: its figures, the change of its mean, and whether the intervals lie apart."""
    return {
        name: {
            "before": before[name],
            "after": after[name],
            "change": round(after[name]["mean"] - before[name]["mean"], 6),
            "drifted": before[name]["high"] < after[name]["low"] or after[name]["high"] < before[name]["low"],
        }
        for name in sorted(before.keys() & after.keys())
    }


def _figures(scores: dict[str, Any]) -> dict[str, Any]:
    return dict(scores["systems"]["model"][scores["judge"]])
