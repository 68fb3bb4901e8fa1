"""Parquet in batches: all rows in their order whatever the row groups, in memory that does not grow with the file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.parquet import batches

WIDE = 100_000  # bytes a row


@given(rows=st.integers(0, 40), group=st.integers(1, 12), most=st.integers(1, 12))
def test_batches_have_all_rows_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, rows: int, group: int, most: int
) -> None:
    path = tmp_path_factory.mktemp("parquet") / "table.parquet"
    pq.write_table(pa.table({"a": range(rows), "b": [str(row) for row in range(rows)]}), path, row_group_size=group)
    found = list(batches(path, ["b"], most))
    assert all(len(batch) <= most and batch.schema.names == ["b"] for batch in found)
    assert [value for batch in found for value in batch.column(0).to_pylist()] == [str(row) for row in range(rows)]


def peak(path: Path, rows: int) -> int:
    """The bytes that reading a file of so many wide rows takes at most."""
    noise = np.random.default_rng(0).bytes(WIDE * rows)
    cells = [noise[start : start + WIDE] for start in range(0, len(noise), WIDE)]
    with pq.ParquetWriter(path, pa.schema([("a", pa.binary())])) as writer:
        for start in range(0, rows, 8):
            writer.write_table(pa.table({"a": pa.array(cells[start : start + 8], pa.binary())}))
    pool, most = pa.default_memory_pool(), 0
    before = pool.bytes_allocated()
    for batch in batches(path, ["a"], 8):
        most = max(most, pool.bytes_allocated() - before)
        del batch
    return most


def test_memory_stays_when_the_file_grows_tenfold(tmp_path: Path) -> None:
    assert peak(tmp_path / "long.parquet", 160) < 1.5 * peak(tmp_path / "short.parquet", 16)
