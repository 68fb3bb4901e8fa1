"""A dataset as the first schema had it, which knew nothing of rights but for photos."""

from pathlib import Path

import pyarrow.parquet as pq

from model.artefacts import read_json, write_json
from model.dataset.records import ADDED


def older(folder: Path) -> None:
    """Make it a dataset of schema 1."""
    write_json(folder / "manifest.json", read_json(folder / "manifest.json") | {"schema": 1})
    for name, columns in ADDED.items():
        path = folder / f"{name}.parquet"
        pq.write_table(pq.read_table(path).drop_columns(list(columns)), path)
