"""The reviewer's page: the verdict first, then what it rests on, down to the worst pictures side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from markupsafe import Markup

from validation.benchmark.metrics import METRICS
from validation.gate.evidence import Champion, Inputs, Scores
from validation.gate.figures import COMPARED
from validation.report import published
from validation.report.charts import Bar, Point, intervals, plane
from validation.report.facts import facts
from validation.report.page import NAMES as SYSTEMS
from validation.report.page import in_order, render
from validation.report.strips import Shown, strip

SHOWN = 20  # worst cases
BEGIN, END = "<!-- overrides: begin -->", "<!-- overrides: end -->"
NAMES = SYSTEMS | {"model": "candidate"}
REACH = 0.25  # of the chart of rules: further from its bound than that is far enough
Figures = Mapping[str, Mapping[str, Any]]
Rules = Sequence[Mapping[str, Any]]


def reviewer_page(decision: Mapping[str, Any], inputs: Inputs) -> str:
    """The page of a decision, from the artefacts it was made from; what cannot be read is left out and named."""
    figures = decision["figures"]
    return render(
        "report.html.j2",
        decision=decision,
        banner=_banner(decision),
        names=NAMES,
        metrics=METRICS,
        figures={part: in_order(systems) for part, systems in figures.items()},
        plane=_plane(figures.get(COMPARED, figures["all"])) if figures else None,
        compared=COMPARED,
        landmarks=published,
        rules=_rules_chart(decision["rules"]),
        groups=_grouped(decision["rules"]),
        facts=facts(inputs),
        **_worst(decision, inputs),
    )


def with_overrides(page: str, decision: Mapping[str, Any]) -> str:
    """The page with its first lines made anew from a decision that was overridden."""
    head, _, rest = page.partition(BEGIN)
    return head + _banner(decision) + rest.partition(END)[2]


def _banner(decision: Mapping[str, Any]) -> Markup:
    inside = render("verdict.html.j2", decision=decision)
    return Markup(f"{BEGIN}{inside}{END}")  # noqa: S704  (the template has escaped every text)


def _plane(systems: Figures) -> Markup:
    points = [Point.of(NAMES[name], name, found) for name, found in in_order(systems).items() if "copy_paste" in found]
    return plane(points, published.landmarks())


def _rules_chart(rules: Rules) -> Markup | None:
    """How far each rule's figure lies from its bound, to the right where it passes."""
    bars = []
    for rule in rules:
        if rule["interval"] is None or rule["threshold"] is None:
            continue
        sign = -1.0 if rule["side"] == "below" else 1.0
        low, high = sorted(sign * (end - rule["threshold"]) for end in rule["interval"])
        good = {"passed": True, "failed": False}.get(rule["state"])
        bars.append(Bar(rule["name"], (sign * (rule["figure"] - rule["threshold"]), low, high), good))
    return intervals(bars, "figure minus bound (right of 0 is wanted)", REACH) if bars else None


def _grouped(rules: Rules) -> dict[str, list[Mapping[str, Any]]]:
    """The rules by what they are about; those that are not passed come first in each group."""
    order = {"failed": 0, "unproven": 1, "passed": 2}
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for rule in sorted(rules, key=lambda rule: order[rule["state"]]):
        groups.setdefault(rule["group"] or "evidence, rights and budgets", []).append(rule)
    return groups


def _worst(decision: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """The twenty cases in which the candidate loses most to the champion, or, without one, is least like the person."""
    nothing: dict[str, Any] = {"worst": [], "worst_by": "", "against": False}
    if not decision["figures"]:
        return nothing
    judge = decision["judge"]
    scores = Scores.read(inputs.scores)
    ours = _rows(scores, judge)
    shown = [Shown("candidate", inputs.scores, "model", ours.faces)]
    values = _sim_gt(ours, "model")
    by = "lowest SimGT"
    champion = Champion.find(inputs, scores)
    if champion and not champion.absent:
        theirs = _rows(champion.scores, judge)
        shown.insert(0, Shown("champion", champion.folder, champion.system, theirs.faces))
        both = values.to_frame("ours").join(_sim_gt(theirs, champion.system).rename("theirs"), how="inner")
        values, by = both["ours"] - both["theirs"], "SimGT that is furthest below the champion's"
    ranked = values.sort_values(kind="stable").reset_index(name="value").drop_duplicates("case_id").head(SHOWN)
    worst = [
        strip(str(row["case_id"]), int(row["seed"]), shown) | {"value": row["value"]}
        for row in ranked.to_dict("records")
    ]
    return {"worst": worst, "worst_by": by, "against": len(shown) > 1}


def _rows(scores: Scores, judge: str) -> Scores:
    faces, cases = (table[table["judge"] == judge] for table in (scores.faces, scores.cases))
    return replace(scores, faces=faces, cases=cases)


def _sim_gt(scores: Scores, system: str) -> "pd.Series[float]":
    """The system's SimGT by case and seed."""
    rows = scores.cases[scores.cases["system"] == system]
    return rows.set_index(["case_id", "seed"])["sim_gt"].sort_index()
