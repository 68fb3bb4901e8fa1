"""Rows of a table in a file: those that a table in memory would give, in any order, for many threads at a time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.curation.lines import TOGETHER, Lines

COUNT = 3 * TOGETHER + 5


def test_rows_come_in_the_order_asked_for_whoever_else_asks(tmp_path: Path) -> None:
    table = pa.table({"path": [f"{n}.jpg" for n in range(COUNT)]})
    lines = Lines(tmp_path, table.schema, (table.slice(start, TOGETHER) for start in range(0, COUNT, TOGETHER)))
    assert list(tmp_path.iterdir()) == []

    def ask(seed: int) -> None:
        rows = np.random.default_rng(seed).integers(0, COUNT, 40)
        assert lines.some(rows)["path"].to_pylist() == [f"{row}.jpg" for row in rows]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(200)))
    assert lines.some(np.arange(COUNT))["path"].to_pylist() == [f"{row}.jpg" for row in range(COUNT)]


def test_no_rows_are_a_table_too(tmp_path: Path) -> None:
    lines = Lines(tmp_path, pa.schema([("path", pa.string())]), [])
    assert lines.some(np.arange(0)).to_pylist() == []
