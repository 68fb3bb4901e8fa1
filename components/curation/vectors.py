"""Rows of one matrix of embeddings, gathered when they are asked for: all that is kept of it shares the matrix."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.matrix_file import MatrixFile

Floats = NDArray[np.float32]
BLOCK = 2048  # rows that are gathered at a time


@dataclass(frozen=True)
class Vectors:
    """The `rows` [N] of `matrix` [M, d], of length one where `unit`. An index gives an array, as of an array [N, d]."""

    matrix: Floats | MatrixFile
    rows: NDArray[np.intp]
    unit: bool = False

    @classmethod
    def whole(cls, matrix: Floats | MatrixFile) -> "Vectors":
        """All rows of `matrix` [N, d]."""
        return cls(matrix, np.arange(matrix.shape[0]))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Floats:
        places = np.asarray(self.rows[index])
        found = self.matrix[places.reshape(-1)].reshape(*places.shape, self.matrix.shape[1])
        return found / np.linalg.norm(found, axis=-1, keepdims=True) if self.unit else found

    def of(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "Vectors":
        """Some of the rows, not gathered yet."""
        return replace(self, rows=self.rows[index])

    @property
    def shape(self) -> tuple[int, int]:
        """[N, d]."""
        return len(self.rows), self.matrix.shape[1]

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """That of the matrix."""
        return self.matrix.dtype
