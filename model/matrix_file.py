"""A matrix of embeddings on disk: rows are appended once and read when they are asked for, so memory holds few."""

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class MatrixFile:
    """[M, d] float32 in a file of `folder` without a name, which is gone when the process is.

    Rows are read with `pread`, not mapped: pages of a mapping would count as memory of the process.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (open as long as the matrix)
        self._rows, self._dim = 0, dim

    def append(self, rows: Floats) -> None:
        """Put `rows` [N, d] behind the others; raises `ValueError` for another d."""
        if rows.shape[1:] != (self._dim,):
            raise ValueError(f"rows of shape {rows.shape} do not fit a matrix of {self._dim} columns")
        rest = np.ascontiguousarray(rows, np.float32).data.cast("B") if rows.size else memoryview(b"")
        while rest:
            rest = rest[self._file.write(rest) :]
        self._rows += len(rows)

    def __getitem__(self, places: NDArray[np.intp]) -> Floats:
        """The rows at `places` [N], of any order."""
        found = np.empty((len(places), self._dim), np.float32)
        if found.size:
            ends = [*(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
            start = 0
            for end in ends:  # neighbours come in one read
                self._read(int(places[start]), found[start:end])
                start = end
        return found

    def _read(self, first: int, into: Floats) -> None:
        if not 0 <= first <= self._rows - len(into):
            raise IndexError(f"rows {first} to {first + len(into)} of {self._rows} were asked for")
        rest, offset = into.data.cast("B"), first * self._dim * into.itemsize
        while rest:
            count = os.preadv(self._file.fileno(), [rest], offset)
            if count == 0:
                raise EOFError("the file of a matrix is shorter than what was written to it")
            rest, offset = rest[count:], offset + count

    @property
    def shape(self) -> tuple[int, int]:
        """[M, d]."""
        return self._rows, self._dim

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Of the rows."""
        return np.dtype(np.float32)
