"""What a running training shows: a file of metrics and a curve for DVC, events for TensorBoard, sample pictures."""

import csv
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from model.artefacts import new_file, write_json

FLUSH_SECONDS = 5  # that TensorBoard may lag behind
METRICS, CURVE, SAMPLES = "metrics.json", "curve.csv", "samples"
ALONE = "[core]\n    no_scm = true\n"  # DVC reads no file outside a repository of its own, with or without git


class Live:
    """The folder of a training's live metrics; one that went on from a checkpoint goes on with its files."""

    def __init__(self, folder: Path, done: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".dvc").mkdir(exist_ok=True)
        (folder / ".dvc" / "config").write_text(ALONE, encoding="utf-8")
        self.folder, self.drawn = folder, list[str]()
        self.rows = [row for row in _read(folder / CURVE) if int(row["step"]) <= done]
        self.events = SummaryWriter(str(folder), purge_step=done + 1, flush_secs=FLUSH_SECONDS)

    def add(self, step: int, phase: str, measures: dict[str, float]) -> None:
        """A point: into `metrics.json` (the newest), `curve.csv` (all) and the TensorBoard events."""
        row = {"step": step, "phase": phase, **{name: round(value, 6) for name, value in measures.items()}}
        self.rows.append(row)
        write_json(self.folder / METRICS, row)
        columns = list(dict.fromkeys(name for each in self.rows for name in each))
        with new_file(self.folder / CURVE, durable=False) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)
        self._draw([name for name in columns if name not in ("step", "phase")])
        for name, value in measures.items():
            self.events.add_scalar(name, value, step)

    def _draw(self, measures: list[str]) -> None:
        """Have DVC draw each measure over the steps; by itself it draws the last column over the rows."""
        if measures != self.drawn:
            plots = [{name: {"x": "step", "y": {CURVE: name}}} for name in measures]
            write_json(self.folder / "dvc.yaml", {"metrics": [METRICS], "plots": plots})  # YAML, too
            self.drawn = measures

    def sample_file(self, step: int) -> Path:
        """Where the sample grid of a step goes."""
        (self.folder / SAMPLES).mkdir(exist_ok=True)
        return self.folder / SAMPLES / f"step-{step:07d}.png"


def _read(file: Path) -> list[dict[str, Any]]:
    """The points that an earlier start wrote."""
    if not file.is_file():
        return []
    with file.open(newline="") as opened:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(opened)]
