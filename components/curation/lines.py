"""A table in a file, whose rows are read when they are asked for: what is said of photos may be long."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

TOGETHER = 256  # rows that are written, and read, at a time


class Lines:
    """The rows of `tables` in a file of `folder` without a name, which is gone when the process is.

    Each of the tables has `TOGETHER` rows, but the last, which may have fewer.
    """

    def __init__(self, folder: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (open as long as the rows)
        with pa.ipc.new_file(file, schema) as writer:
            for table in tables:
                writer.write_table(table.combine_chunks())
        file.flush()
        self._schema = schema
        self._reader = pa.ipc.open_file(pa.PythonFile(file, mode="r"))

    def some(self, rows: NDArray[np.intp]) -> pa.Table:
        """The `rows`, in their order; neighbours come in one read."""
        cuts = np.flatnonzero(np.diff(rows // TOGETHER)) + 1
        parts = [
            self._reader.get_batch(int(part[0]) // TOGETHER).take(pa.array(part % TOGETHER))
            for part in np.split(rows, cuts)
            if len(part)
        ]
        return pa.Table.from_batches(parts, self._schema)
