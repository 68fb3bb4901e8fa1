"""Tiles cover the whole product once, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import similarity
from model.similarity import close, look_at_tiles, nearest, neighbours


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 1000))
def test_tiles_and_maxima_are_those_of_the_whole_product(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((rows, 3), np.float32) / np.float32(3)
    right = rng.standard_normal((columns, 3), np.float32) / np.float32(3)
    whole = np.full((rows, columns), np.nan, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "ROWS", 5)
        patch.setattr(similarity, "COLUMNS", 4)

        def look(at: slice, across: slice, tile: similarity.Floats) -> tuple[int, int]:
            assert np.isnan(whole[at, across]).all()
            whole[at, across] = tile
            return at.start, across.start

        order = look_at_tiles(left, right, look)
        best = nearest(left, right)
        near, beside = neighbours(left, 0.1), close(left, right, 0.1)
    assert order == sorted(order)
    np.testing.assert_allclose(whole, left @ right.T, atol=1e-6)
    np.testing.assert_allclose(best, np.maximum(whole.max(axis=1, initial=-1), -1), atol=1e-6)
    square = np.where(np.eye(rows, dtype=np.bool_), np.float32(1), left @ left.T)
    np.testing.assert_allclose(beside.toarray(), np.where(whole >= 0.1, whole, 0), atol=1e-6)
    np.testing.assert_allclose(near.toarray(), np.where(square >= 0.1, square, 0), atol=1e-6)
