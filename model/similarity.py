"""Products of many embeddings with many, one tile at a time in one reused buffer, so that no whole matrix is held."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

ROWS, COLUMNS = 512, 4096  # of a tile: long rows are searched fast, and 8 MB (16 in float64) stay in the cache
Floats = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)
RealOut = TypeVar("RealOut", np.float32, np.float64, covariant=True)


class Rows(Protocol[RealOut]):
    """What gives rows [n, d] of a matrix [N, d] when asked for them, such as an array."""

    @property
    def dtype(self) -> np.dtype[RealOut]:
        """Of the rows."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> NDArray[RealOut]: ...


def tiles(left: Rows[Real], right: Rows[Real]) -> Iterator[tuple[slice, slice, NDArray[Real]]]:
    """The products of `left` [N, d] with `right` [M, d], row by row of tiles: rows, columns, and [rows, columns].

    A tile is valid until the next is asked for; its reader may change it.
    """
    buffer = np.empty(min(ROWS, len(left)) * min(COLUMNS, len(right)), left.dtype)
    for top in range(0, len(left), ROWS):
        rows = slice(top, min(top + ROWS, len(left)))
        part = left[rows]
        for first in range(0, len(right), COLUMNS):
            columns = slice(first, min(first + COLUMNS, len(right)))
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            tile = buffer[: shape[0] * shape[1]].reshape(shape)
            yield rows, columns, np.matmul(part, right[columns].T, out=tile)


def nearest(left: Rows[np.float32], right: Rows[np.float32]) -> Floats:
    """[N] the greatest cosine of each unit row of `left` [N, d] with any of `right` [M, d]; -1 where there is none."""
    best = np.full(len(left), -1, np.float32)
    for rows, _, tile in tiles(left, right):
        np.maximum(best[rows], tile.max(axis=1), out=best[rows])
    return best


def close(left: Rows[np.float32], right: Rows[np.float32], least: float) -> csr_array:
    """The sparse [N, M] cosines of unit rows of `left` [N, d] with those of `right` [M, d] that reach `least`."""
    return _reaching(tiles(left, right), (len(left), len(right)), least)


def neighbours(unit: Rows[np.float32], least: float) -> csr_array:
    """The sparse [N, N] cosines of the rows of `unit` [N, d] that reach `least`; the diagonal, as 1, always."""
    numbers = np.arange(len(unit), dtype=np.int32)

    def with_diagonal() -> Iterator[tuple[slice, slice, Floats]]:
        for rows, columns, tile in tiles(unit, unit):
            tile[numbers[rows, None] == numbers[columns]] = 1.0
            yield rows, columns, tile

    return _reaching(with_diagonal(), (len(unit), len(unit)), least)


def _reaching(products: Iterator[tuple[slice, slice, Floats]], shape: tuple[int, int], least: float) -> csr_array:
    none = np.zeros(0, np.int32)
    cells: list[tuple[NDArray[np.int32], NDArray[np.int32], Floats]] = [(none, none, np.zeros(0, np.float32))]
    for rows, columns, tile in products:
        near = np.flatnonzero(tile.max(axis=1) >= least).astype(np.int32)  # few: to look for all cells takes longer
        row, column = (places.astype(np.int32) for places in np.nonzero(tile[near] >= least))
        row = near[row]
        cells.append((row + np.int32(rows.start), column + np.int32(columns.start), tile[row, column]))
    row, column, value = (np.concatenate(parts) for parts in zip(*cells, strict=True))
    return csr_array((value, (row, column)), shape=shape)
