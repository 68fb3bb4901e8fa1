"""Prints how well curation named the faces of a virtual cast: python -m benchmarks.naming DATASET TRUTH.JSON."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.curation.truth import measure_naming
from model.dataset.dataset import Dataset


def main(dataset: Path, truth: Path) -> None:
    """Measure and print."""
    opened = Dataset.open(dataset)
    found = measure_naming(opened, truth)
    calibration = opened.manifest["calibration"]
    table = Table("measure", "value", "of", title=f"named from {calibration['threshold']:.3f} ({calibration['rule']})")
    table.add_row("precision", f"{found.precision:.4f}", f"{found.named + found.named_strangers} names given")
    table.add_row("recall", f"{found.recall:.4f}", f"{found.known} faces of known people outside the bank")
    table.add_row("strangers named", f"{found.stranger_rate:.4f}", f"{found.strangers} faces of strangers")
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
