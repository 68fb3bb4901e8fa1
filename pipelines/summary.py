"""What is said of a run at its end: counts, verdict with rules, where the report is, how to serve the model."""

from pathlib import Path
from typing import Any

from rich.console import Console

from model.artefacts import read_json

COUNTS = ("photos", "images", "faces", "identities", "heldout_identities", "pairs")


def summarise(run: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The run's record with the counts of its dataset, the gate's rules and the paths that a reader wants next."""
    summary: dict[str, Any] = {"folder": str(run), **record}
    manifest, decision = run / "dataset" / "manifest.json", run / "decision" / "decision.json"
    if manifest.is_file():
        summary["counts"] = read_json(manifest)["counts"]
    if decision.is_file():
        read = read_json(decision)
        summary["decision"] = {name: read[name] for name in ("verdict", "reason", "rules")}
    summary["reports"] = [str(file) for file in _reports(run)]
    if (run / "bento" / "bento.yaml").is_file():
        summary["serve"] = f"withanyone serve {run.name}"
    elif (run / "bento" / "skipped.json").is_file():
        summary["not_packaged"] = read_json(run / "bento" / "skipped.json")["reason"]
    return summary


def _reports(run: Path) -> list[Path]:
    return [file for name in ("decision", "scores", "validation") if (file := run / name / "report.html").is_file()]


def show(summary: dict[str, Any], console: Console) -> None:
    """Print a summary for a reader."""
    counts = summary.get("counts")
    if counts:
        console.print(_counts_line(counts))
        rejects = counts.get("rejects") or {}
        if rejects:
            console.print("rejects: " + ", ".join(f"{number} {reason}" for reason, number in sorted(rejects.items())))
    decision = summary.get("decision")
    if decision:
        for rule in decision["rules"]:
            console.print(f"  {rule['state']:<8}  {rule['name']}: {rule['why']}")
        console.print(f"verdict: {decision['verdict']} ({decision['reason']})")
    for report in summary["reports"]:
        console.print(f"report:  {report}")
    if "serve" in summary:
        console.print(f"serve:   {summary['serve']}")
    if "not_packaged" in summary:
        console.print(f"not packaged: {summary['not_packaged']}")
    if "seconds" in summary:
        console.print(f"time:    {summary['seconds']:.0f} s")


def _counts_line(counts: dict[str, Any]) -> str:
    return "dataset: " + ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in COUNTS if name in counts)
