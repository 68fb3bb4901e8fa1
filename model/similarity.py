"""Products of many embeddings with many, tile by tile on all cores, so that no whole matrix is held."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from model.cores import cores

ROWS, COLUMNS = 512, 2048  # of a tile: long rows are searched fast, and 4 MB (8 in float64) stay in the cache
Floats = NDArray[np.float32]
Cells = tuple[NDArray[np.int32], NDArray[np.int32], Floats]  # rows, columns and values of a sparse matrix
Found = TypeVar("Found")
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


def look_at_tiles(
    left: Rows[Real], right: Rows[Real], look: Callable[[slice, slice, NDArray[Real]], Found]
) -> list[Found]:
    """What `look` says of the products of `left` [N, d] with `right` [M, d], row by row of tiles.

    It is given rows, columns, and their tile [rows, columns], which it may change and must not keep. Rows of tiles are
    worked off side by side, each by one core: the cores would wait for each other at the end of a product that they
    share, and all but one while its tile is looked at.
    """

    def row_of_tiles(top: int) -> list[Found]:
        rows = slice(top, min(top + ROWS, len(left)))
        part, found = left[rows], []
        buffer = np.empty(len(part) * min(COLUMNS, len(right)), left.dtype)
        for first in range(0, len(right), COLUMNS):
            columns = slice(first, min(first + COLUMNS, len(right)))
            tile = buffer[: len(part) * (columns.stop - first)].reshape(len(part), -1)
            found.append(look(rows, columns, np.matmul(part, right[columns].T, out=tile)))
        return found

    tops = range(0, len(left), ROWS)
    if len(tops) < 2:
        return [found for top in tops for found in row_of_tiles(top)]
    with _products().limit(limits=1, user_api="blas"), ThreadPoolExecutor(cores()) as pool:
        return [found for row in pool.map(row_of_tiles, tops) for found in row]


@cache
def _products() -> ThreadpoolController:
    """The libraries that multiply; to look for them takes milliseconds."""
    return ThreadpoolController()


def nearest(left: Rows[np.float32], right: Rows[np.float32]) -> Floats:
    """[N] the greatest cosine of each unit row of `left` [N, d] with any of `right` [M, d]; -1 where there is none."""
    best = np.full(len(left), -1, np.float32)

    def look(rows: slice, _: slice, tile: Floats) -> None:
        np.maximum(best[rows], tile.max(axis=1), out=best[rows])

    look_at_tiles(left, right, look)
    return best


def close(left: Rows[np.float32], right: Rows[np.float32], least: float) -> csr_array:
    """The sparse [N, M] cosines of unit rows of `left` [N, d] with those of `right` [M, d] that reach `least`."""
    cells = look_at_tiles(left, right, partial(_reaching, least))
    return _sparse(cells, (len(left), len(right)))


def neighbours(unit: Rows[np.float32], least: float) -> csr_array:
    """The sparse [N, N] cosines of the rows of `unit` [N, d] that reach `least`; the diagonal, as 1, always."""
    numbers = np.arange(len(unit), dtype=np.int32)

    def look(rows: slice, columns: slice, tile: Floats) -> Cells:
        tile[numbers[rows, None] == numbers[columns]] = 1.0
        return _reaching(least, rows, columns, tile)

    return _sparse(look_at_tiles(unit, unit, look), (len(unit), len(unit)))


def _reaching(least: float, rows: slice, columns: slice, tile: Floats) -> Cells:
    """Rows, columns and values of the cells of a tile that reach `least`."""
    near = np.flatnonzero(tile.max(axis=1) >= least).astype(np.int32)  # few: to look for all cells takes longer
    row, column = (places.astype(np.int32) for places in np.nonzero(tile[near] >= least))
    row = near[row]
    return row + np.int32(rows.start), column + np.int32(columns.start), tile[row, column]


def _sparse(cells: list[Cells], shape: tuple[int, int]) -> csr_array:
    none = np.zeros(0, np.int32)
    start: Cells = (none, none, np.zeros(0, np.float32))
    row, column, value = (np.concatenate(parts) for parts in zip(start, *cells, strict=True))
    return csr_array((value, (row, column)), shape=shape)
