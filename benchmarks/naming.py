"""Prints how well curation named the faces of a virtual cast: python -m benchmarks.naming DATASET TRUTH.JSON."""

from pathlib import Path

import typer
from rich.console import Console

from components.curation.truth import measure_naming, naming_table
from model.dataset.dataset import Dataset


def main(dataset: Path, truth: Path) -> None:
    """Measure and print."""
    opened = Dataset.open(dataset)
    Console().print(naming_table(measure_naming(opened, truth), opened))


if __name__ == "__main__":
    typer.run(main)
