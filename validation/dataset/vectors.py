"""A table's columns of vectors, read some rows at a time: what the suite asks of each, and the vectors in a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.matrix_file import MatrixFile
from model.parquet import batches
from model.similarity import ROWS, Rows

READ = 4096  # rows of a table that are held at a time
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class UnitRows:
    """The `rows` [N] of `matrix` [M, d] in float64 and of length one, NaN where a row is zero. An index gives rows."""

    matrix: MatrixFile
    rows: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Floats:
        found = self.matrix[self.rows[index]].astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float64)

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Of the rows."""
        return np.dtype(np.float64)


@dataclass(frozen=True)
class Some:
    """The rows at `places` [N] of others, not read yet."""

    others: Any  # an array, or `UnitRows`
    places: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: slice) -> Floats:
        return np.asarray(self.others[self.places[index]], np.float64)

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Of the rows."""
        return np.dtype(np.float64)


def finite(rows: Rows[np.float64]) -> Mask:
    """[N] which rows have no NaN and no infinity."""
    found = np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), ROWS):
        block = slice(start, start + ROWS)
        found[block] = np.isfinite(rows[block]).all(axis=1)
    return found


@dataclass(frozen=True)
class Vectors:
    """A column of N vectors: which are `finite` and of the right length, their `norm`, and their `unit` rows.

    Rows that are not finite, or of another length, are zero in the file.
    """

    finite: Mask
    norm: Floats
    matrix: MatrixFile

    @property
    def unit(self) -> UnitRows:
        """All rows."""
        return UnitRows(self.matrix, np.arange(len(self.finite)))

    @property
    def sound(self) -> Mask:
        """[N] which are finite and not zero: only those have a direction."""
        return self.finite & (self.norm > 0)


def read_vectors(path: Path, column: str, dim: int, scratch: Path) -> Vectors:
    """Read a column of lists of a Parquet table; the file of the matrix lies in `scratch`."""
    matrix = MatrixFile(scratch, dim)
    masks, norms = [np.zeros(0, np.bool_)], [np.zeros(0)]
    for lists in _batches(path, column):
        rows = np.zeros((len(lists), dim), np.float32)
        sound = np.zeros(len(lists), np.bool_)
        norm = np.zeros(len(lists))
        for place, vector in enumerate(lists):
            norm[place] = np.linalg.norm(vector.astype(np.float64))
            sound[place] = len(vector) == dim and bool(np.isfinite(vector).all())
            if sound[place]:
                rows[place] = vector
        matrix.append(rows)
        masks.append(sound)
        norms.append(norm)
    return Vectors(np.concatenate(masks), np.concatenate(norms), matrix)


def finite_vectors(path: Path, column: str, length: int) -> Mask:
    """[N] which vectors of a column have `length` finite numbers."""
    found = [
        [len(vector) == length and bool(np.isfinite(vector).all()) for vector in lists]
        for lists in _batches(path, column)
    ]
    return np.array([one for part in found for one in part], np.bool_)


def read_boxes(path: Path, column: str) -> NDArray[np.float32]:
    """[N, 4] a column of boxes; NaN where there is none."""
    parts = [
        np.array([vector if len(vector) == 4 else [np.nan] * 4 for vector in lists]) for lists in _batches(path, column)
    ]
    return np.concatenate([np.zeros((0, 4), np.float32), *parts]).astype(np.float32)


def _batches(path: Path, column: str) -> Iterator[list[NDArray[np.float32]]]:
    """The vectors of a column, some at a time; an absent one is empty."""
    for batch in batches(path, [column], READ):
        values = batch.column(0).to_numpy(zero_copy_only=False)
        yield [np.zeros(0, np.float32) if value is None else np.asarray(value, np.float32) for value in values]
