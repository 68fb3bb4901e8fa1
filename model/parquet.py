"""Reads Parquet files some rows at a time, in memory that does not grow with the file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a file in their order, these columns of at most so many `rows` at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):  # asked for all groups, pyarrow reads far ahead
            yield from file.iter_batches(rows, row_groups=[group], columns=list(columns))
