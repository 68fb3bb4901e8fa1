"""A matrix on disk gives the rows of the same matrix in memory, and leaves nothing behind."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.matrix_file import MatrixFile


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 5), max_size=5), st.data())
def test_rows_are_those_that_were_appended(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], data: st.DataObject
) -> None:
    whole = np.random.default_rng(0).standard_normal((sum(parts), 3)).astype(np.float32)
    matrix = MatrixFile(tmp_path_factory.mktemp("matrix"), 3)
    for part in np.split(whole, np.cumsum(parts)[:-1]) if parts else []:
        matrix.append(part)
    assert matrix.shape == whole.shape
    places = data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=9)) if len(whole) else []
    at = np.array(places, np.intp)
    np.testing.assert_array_equal(matrix[at], whole[at])
    np.testing.assert_array_equal(matrix[np.arange(len(whole))], whole)


def test_the_file_has_no_name(tmp_path: Path) -> None:
    matrix = MatrixFile(tmp_path / "new", 2)
    matrix.append(np.ones((4, 2), np.float32))
    assert list((tmp_path / "new").iterdir()) == []


def test_rows_that_are_not_there_and_rows_of_another_length_are_refused(tmp_path: Path) -> None:
    matrix = MatrixFile(tmp_path, 2)
    matrix.append(np.ones((4, 2), np.float32))
    for places in ([4], [3, 4], [-1]):
        with pytest.raises(IndexError):
            matrix[np.array(places)]
    with pytest.raises(ValueError, match="2 columns"):
        matrix.append(np.ones((1, 3), np.float32))
