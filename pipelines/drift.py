"""Drift: the champion scored again, on the benchmark of the newest dataset, beside what it had when it was promoted."""

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.runs import Runs

if TYPE_CHECKING:
    from components.evaluation.config import EvaluationConfig

REPORT = "drift.json"
Evaluate = Callable[..., None]


def measure_drift(
    runs: Runs, dataset: Path | None, out: Path, evaluate: Evaluate, config: "EvaluationConfig"
) -> dict[str, Any]:
    """Score the champion's model on `dataset` (None: the newest of a run) into a folder of `out`; returns the report.

    A metric has drifted where the two 95 % intervals do not meet. Cases of people whom the champion was trained on, who
    are held out by now, are left out and counted. The judge is the one of then. Raises UserError where there is no
    champion, or that judge is not asked for.
    """
    champion = runs.find("champion")
    place = out / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    measured = dataset or runs.newest_dataset()
    before = read_json(champion / "scores" / "scores.json")
    judge = before["judge"]
    if judge not in config.judges:
        raise UserError(f"The champion was judged by {judge}, which evaluate.judges leaves out: name it there, too.")
    alone = config.model_copy(update={"champion": ""})
    evaluate(dataset=measured, model=champion / "model", scores=place / "scores", config=alone)
    after = read_json(place / "scores" / "scores.json")
    figures, left_out = _unseen(champion, measured, place / "scores", judge, config)
    report: dict[str, Any] = {
        "schema": 3,
        "champion": champion.name,
        "dataset": {"before": before["dataset"]["digest"], "after": after["dataset"]["digest"]},
        "judge": judge,
        "left_out": left_out,
        "metrics": compare(before["systems"]["model"][judge], figures),
    }
    report["drifted"] = sorted(name for name, row in report["metrics"].items() if row["drifted"])
    write_json(place / REPORT, report)
    return {"report": str(place / REPORT), **report}


def prune(out: Path, keep: int) -> None:
    """Delete the scores, with their pictures, beside all but the newest `keep` reports of `out`."""
    for report in sorted(out.glob(f"????????-??????/{REPORT}"))[:-keep]:
        shutil.rmtree(report.parent / "scores", ignore_errors=True)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Each metric that both have: its figures, the change of its mean, and whether the intervals lie apart."""
    return {
        name: {
            "before": before[name],
            "after": after[name],
            "change": round(after[name]["mean"] - before[name]["mean"], 6),
            "drifted": min(before[name]["n"], after[name]["n"]) > 1  # one case has no interval
            and (before[name]["high"] < after[name]["low"] or after[name]["high"] < before[name]["low"]),
        }
        for name in sorted(before.keys() & after.keys())
    }


def _unseen(
    champion: Path, dataset: Path, scores: Path, judge: str, config: "EvaluationConfig"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The champion's figures over the cases of people whom it has not seen, and which cases and people are left out."""
    import pyarrow.parquet as pq

    from components.evaluation.champion import Seen, seen_people
    from model.dataset.dataset import Dataset
    from validation.benchmark.score import figures

    faces, cases = (pq.read_table(scores / f"{name}.parquet").to_pandas() for name in ("faces", "cases"))
    if config.release:
        seen = Seen({}, "not searched: a release has the same people each time")
    else:
        seen = seen_people(champion, Dataset.open(dataset), set(faces["identity"]), config.leak_rate)
    left_out = set(faces.loc[faces["identity"].isin(list(seen.people)), "case_id"])
    found = figures(cases[~cases["case_id"].isin(left_out)], "model", judge)
    facts = {"cases": sorted(left_out), "people": dict(seen.people), "searched": seen.searched}
    return {name: figure.as_json() for name, figure in found.items()}, facts
