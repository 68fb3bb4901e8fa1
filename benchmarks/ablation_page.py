"""The ablation's outcome: a table of arms with intervals, what each step adds, and the same as a picture."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from model.artefacts import new_file, read_json
from validation.benchmark.bootstrap import Figure
from validation.benchmark.score import by_case, difference, figures
from validation.report.charts import Bar, intervals
from validation.report.page import TEMPLATES

METRICS = {"sim_gt": "SimGT", "copy_paste": "copy-paste", "coverage": "coverage"}
PAGE = Markup("""<!doctype html><html lang="en"><meta charset="utf-8"><title>Ablation</title><style>{}</style>
<main><h1>Ablation</h1>{}{}<ul>{}</ul></main></html>
""")
BETTER = {"sim_gt": 1, "copy_paste": -1, "coverage": 1}


def write_page(out: Path, folders: Sequence[Path]) -> None:
    """Write `ablation.md` and `ablation.html` of the finished arms into `out`."""
    rows = pd.concat([pd.read_parquet(folder / "cases.parquet") for folder in folders], ignore_index=True)
    rows["system"] = rows["arm"]
    facts = [read_json(folder / "arm.json") for folder in folders]
    judges = list(dict.fromkeys(rows["judge"]))
    tables = [(f"Judge {judge}", *_table(rows, judge)) for judge in judges]
    notes = _notes(rows, facts)
    with new_file(out / "ablation.md") as draft:
        draft.write_text("\n".join(_markdown(notes, tables)), encoding="utf-8")
    charts = {METRICS[metric]: _chart(rows, judges[0], metric) for metric in ("sim_gt", "copy_paste")}
    with new_file(out / "ablation.html") as draft:
        draft.write_text(_html(notes, tables, charts), encoding="utf-8")


def _notes(rows: pd.DataFrame, facts: Sequence[dict[str, Any]]) -> list[str]:
    """How the figures were made."""
    steps = max(fact["steps"] for fact in facts)
    cut = [f"{fact['arm']} with seed {fact['seed']} ({fact['steps']})" for fact in facts if fact["steps"] < steps]
    seeds = sorted({fact["seed"] for fact in facts})
    spent = sum(fact["seconds"]["training"] for fact in facts) / 60
    return [
        f"All arms start from {facts[0]['start']}; {steps} steps each; training seeds {seeds}.",
        f"Cut short by the limit of time: {', '.join(cut) or 'none'}.",
        f"{rows['case_id'].nunique()} cases of held-out people, pictures of each by a training: "
        f"{rows['seed'].nunique()}; the first judge was not in the loss, the second was.",
        "Intervals are 95 %, bootstrap over cases, of the mean over pictures and seeds; the range is of the seeds' "
        "means. What is added is the difference to the arm above, paired by case.",
        f"Training took {spent:.0f} minutes in all.",
    ]


def _table(rows: pd.DataFrame, judge: str) -> tuple[list[str], list[list[str]]]:
    """Heading and lines: each arm's figures, the seeds' range and the difference to the arm before."""
    heading = ["arm", *METRICS.values(), "SimGT by seed", "SimGT added", "copy-paste added"]
    lines, before = [], ""
    for arm in _arms(rows):
        found = figures(rows, arm, judge)
        by_seed = rows[(rows["arm"] == arm) & (rows["judge"] == judge)].groupby("training_seed")["sim_gt"].mean()
        added = [_written(_added(rows, arm, before, judge, name)) for name in ("sim_gt", "copy_paste")]
        seeds = f"{by_seed.min():.3f} to {by_seed.max():.3f}"
        lines.append([arm, *(_written(found.get(name)) for name in METRICS), seeds, *added])
        before = arm
    return heading, lines


def _arms(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["arm"].unique())


def _added(rows: pd.DataFrame, arm: str, before: str, judge: str, metric: str) -> Figure | None:
    if not before:
        return None
    return difference(by_case(rows, arm, judge, metric), by_case(rows, before, judge, metric))


def _written(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.mean:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"


def _chart(rows: pd.DataFrame, judge: str, metric: str) -> Markup:
    """Each arm's difference to the arm above, in one metric."""
    return intervals(list(_bars(rows, judge, metric)), f"{METRICS[metric]}, difference to the arm above")


def _bars(rows: pd.DataFrame, judge: str, metric: str) -> Iterator[Bar]:
    for before, arm in pairwise(_arms(rows)):
        found = _added(rows, arm, before, judge, metric)
        if found is not None:
            proven = found.low > 0 or found.high < 0
            good = (found.mean > 0) == (BETTER[metric] > 0) if proven else None
            yield Bar(arm, (found.mean, found.low, found.high), good)


Table = tuple[str, list[str], list[list[str]]]


def _markdown(notes: Sequence[str], tables: Sequence[Table]) -> Iterator[str]:
    yield "# Ablation"
    for title, heading, lines in tables:
        yield f"\n## {title}\n"
        yield from (f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *lines))
    yield "\n" + "\n".join(f"* {note}" for note in notes) + "\n"


def _html(notes: Sequence[str], tables: Sequence[Table], charts: Mapping[str, Markup]) -> str:
    return str(
        PAGE.format(
            Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704  (a file of this project)
            _joined("<h2>{}, what each adds</h2>{}", charts.items()),
            _joined("<h2>{}</h2><table>{}</table>", ((title, _rows([head, *lines])) for title, head, lines in tables)),
            _joined("<li>{}</li>", ((note,) for note in notes)),
        )
    )


def _rows(lines: Sequence[Sequence[str]]) -> Markup:
    return _joined("<tr>{}</tr>", ((_joined("<td>{}</td>", ((cell,) for cell in cells)),) for cells in lines))


def _joined(form: str, values: Iterable[tuple[object, ...]]) -> Markup:
    """The form filled with each of the values, escaped where they are no markup."""
    return Markup("").join(Markup(form).format(*each) for each in values)  # noqa: S704  (forms are of this file)
