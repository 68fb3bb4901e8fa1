"""The scores page: figures with intervals, charts, and the best and worst cases side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from markupsafe import Markup

from model.artefacts import read_json
from validation.benchmark.metrics import METRICS
from validation.report.charts import BOUND, COPY, Bar, Point, interval, intervals, plane
from validation.report.page import NAMES, in_order, render
from validation.report.strips import Row, Shown, strip

BOUNDS = {"ground truth at this size": BOUND, "output = reference": COPY}
SHOWN = 6  # cases at each end


def scores_page(folder: Path) -> str:
    """The page of a scores folder, from its own files alone."""
    scores = read_json(folder / "scores.json")
    judge = scores["judge"]
    faces, cases = (_judged(folder / f"{name}.parquet", judge) for name in ("faces", "cases"))
    systems = [Shown(label, folder, system, faces) for system, label in NAMES.items()]
    ranked = _ranked(cases)
    worst = ranked.head(SHOWN)
    best = ranked.iloc[max(SHOWN, len(ranked) - SHOWN) :].iloc[::-1]
    return render(
        "scores.html.j2",
        scores=_ordered(scores),
        metrics={name: metric for name, metric in METRICS.items() if name not in scores.get("metrics_absent", {})},
        names=NAMES,
        plane=_plane(scores, judge),
        forests={other: _forest(by_judge[judge], other) for other, by_judge in scores["differences"].items()},
        groups=[
            ("Worst cases", "lowest SimGT of the model", [_case(row, systems) for row in worst.to_dict("records")]),
            ("Best cases", "highest SimGT of the model", [_case(row, systems) for row in best.to_dict("records")]),
        ],
    )


def _judged(table: Path, judge: str) -> pd.DataFrame:
    """The rows of a table by one judge."""
    rows = pq.read_table(table).to_pandas()
    return rows[rows["judge"] == judge]


def _ordered(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The scores with systems and judges in the order of reading."""
    judges = dict(sorted(scores["judges"].items(), key=lambda item: (item[0] != scores["judge"], item[0])))
    slices = {name: in_order(systems) for name, systems in scores["slices"].items()}
    return {**scores, "judges": judges, "systems": in_order(scores["systems"]), "slices": slices}


def _plane(scores: Mapping[str, Any], judge: str) -> Markup:
    """SimGT against copy-paste: the systems, and the two bounds that the sanity rows give."""
    points = [
        Point.of(NAMES[system], system, found[judge])
        for system, found in in_order(scores["systems"]).items()
        if "copy_paste" in found[judge]
    ]
    bounds = [Point.of(name, BOUNDS[name], found[judge]) for name, found in scores["sanity"].items() if name in BOUNDS]
    return plane([*bounds, *points])


def _forest(figures: Mapping[str, Mapping[str, float]], other: str) -> Markup:
    """The model's differences to one baseline, metric by metric."""
    bars = [
        Bar(metric.label, interval(figures[name]), _good(figures[name], metric.better))
        for name, metric in METRICS.items()
        if name in figures
    ]
    return intervals(bars, f"model minus {NAMES[other]}")


def _good(figure: Mapping[str, float], better: str) -> bool | None:
    """Whether the whole interval is on the better side; None for one case, zero inside, or no better side."""
    if better == "neither" or figure["n"] < 2 or figure["low"] <= 0 <= figure["high"]:
        return None
    return (figure["low"] > 0) == (better == "higher")


def _ranked(cases: pd.DataFrame) -> pd.DataFrame:
    """The model's pictures from the lowest SimGT to the highest, one picture a case: its worst seed."""
    chosen = cases[cases["system"] == "model"]
    ordered = chosen.sort_values(["sim_gt", "case_id", "seed"], kind="stable")
    return ordered.drop_duplicates("case_id")


def _case(row: Row, systems: Sequence[Shown]) -> dict[str, Any]:
    """What the page shows of one case: the pictures of the systems that drew it, and the figures of each person."""
    found = strip(str(row["case_id"]), int(row["seed"]), systems)
    drawn = [picture for picture in found["pictures"] if picture["uri"]]
    return found | {"sim_gt": row["sim_gt"], "pictures": drawn}
