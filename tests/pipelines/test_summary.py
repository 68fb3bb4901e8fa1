"""What is said at the end of a run."""

import io
from pathlib import Path

from rich.console import Console

from model.artefacts import write_json
from pipelines.summary import show, summarise

COUNTS = {"photos": 9, "faces": 12, "identities": 3, "pairs": 20, "rejects": {"no_face": 2, "empty": 1}}
RULE = {
    "name": "sim_gt",
    "figure": 0.51234,
    "interval": [0.4, 0.6],
    "threshold": 0.3,
    "state": "passed",
    "passed": True,
    "why": "0.51 is above 0.3 [sic]",
}


def shown(run: Path, record: dict[str, object]) -> str:
    out = io.StringIO()
    show(summarise(run, record), Console(file=out, width=200, highlight=False, soft_wrap=True, markup=False))
    return out.getvalue()


def test_a_finished_run_tells_counts_verdict_report_and_how_to_serve(tmp_path: Path) -> None:
    write_json(tmp_path / "dataset" / "manifest.json", {"counts": COUNTS})
    write_json(tmp_path / "decision" / "decision.json", {"verdict": "promote", "reason": "all passed", "rules": [RULE]})
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "report.html").touch()
    (tmp_path / "decision" / "report.html").touch()
    (tmp_path / "bento").mkdir()
    (tmp_path / "bento" / "bento.yaml").touch()
    text = shown(tmp_path, {"id": tmp_path.name, "seconds": 61.0})
    assert "dataset: 9 photos, 12 faces, 3 identities, 20 pairs" in text
    assert "rejects: 1 empty, 2 no_face" in text
    assert "  passed    sim_gt: 0.51 is above 0.3 [sic]\n" in text
    assert "verdict: promote (all passed)" in text
    assert f"report:  {tmp_path / 'decision' / 'report.html'}\nreport:  {tmp_path / 'scores' / 'report.html'}" in text
    assert f"serve:   withanyone serve {tmp_path.name}" in text


def test_a_run_that_stopped_early_tells_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "report.html").touch()
    text = shown(tmp_path, {"id": "x"})
    assert text == f"report:  {tmp_path / 'validation' / 'report.html'}\n"


def test_a_model_that_was_not_packaged_says_why(tmp_path: Path) -> None:
    write_json(tmp_path / "bento" / "skipped.json", {"schema": 1, "reason": "the verdict is 'hold'"})
    assert summarise(tmp_path, {})["not_packaged"] == "the verdict is 'hold'"
    assert "not packaged: the verdict is 'hold'" in shown(tmp_path, {})
