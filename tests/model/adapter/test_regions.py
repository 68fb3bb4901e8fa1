"""Regions: broadcasting and gathering against the loop that the definition spells out."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.adapter.regions import Regions, token_regions


def by_loops(boxes: Tensor, width: int, height: int, tokens: int) -> Tensor:
    """[B, L, N * tokens], cell by cell."""
    rows, columns = height // 16, width // 16
    mask = torch.zeros(len(boxes), rows * columns, boxes.shape[1] * tokens, dtype=torch.bool)
    for b, people in enumerate(boxes.tolist()):
        for n, (x1, y1, x2, y2) in enumerate(people):
            if x2 <= x1 or y2 <= y1:
                continue
            for row in range(max(0, math.floor(y1 / 16)), min(rows, math.ceil(y2 / 16))):
                for column in range(max(0, math.floor(x1 / 16)), min(columns, math.ceil(x2 / 16))):
                    mask[b, row * columns + column, n * tokens : (n + 1) * tokens] = True
    return mask


def dense(regions: Regions, length: int, keys: int) -> Tensor:
    """[B, L, T]: the mask of the gathered tokens put back where they belong."""
    attend = torch.ones(1) if regions.attend is None else regions.attend[:, 0].float()
    return regions.spread(attend.expand(*regions.where.shape, keys), length) > 0


coordinate = st.floats(-20, 150, width=32, allow_subnormal=False)
box = st.tuples(coordinate, coordinate, coordinate, coordinate)


@given(st.lists(st.lists(box, min_size=2, max_size=2), min_size=1, max_size=3), st.integers(1, 3))
def test_masks_equal_the_loop(boxes: list[list[tuple[float, float, float, float]]], tokens: int) -> None:
    batch = torch.tensor(boxes)
    regions = token_regions(batch, 96, 64, tokens)
    expected = by_loops(batch, 96, 64, tokens)
    assert torch.equal(dense(regions, 24, 2 * tokens), expected)
    assert regions.attend is None or regions.attend.any(-1).all()
    assert regions.inside.sum() == expected.any(-1).sum()
    assert regions.where.shape[1] == expected.any(-1).sum(1).max()


def test_overlapping_boxes_see_both_people() -> None:
    regions = token_regions(torch.tensor([[[0.0, 0, 32, 32], [16.0, 16, 48, 48]]]), 64, 64, tokens=1)
    grid = dense(regions, 16, 2).reshape(4, 4, 2)
    assert grid[1, 1].tolist() == [True, True]
    assert grid[0, 0].tolist() == [True, False]
    assert grid[2, 2].tolist() == [False, True]
    assert grid[3, 3].tolist() == [False, False]


def test_a_mask_that_hides_nothing_is_left_out() -> None:
    one = torch.tensor([[[0.0, 0, 32, 32]], [[0.0, 0, 16, 16]]])
    assert token_regions(one, 64, 64, tokens=3).attend is None
    assert token_regions(torch.cat([one, one + 32], dim=1), 64, 64, tokens=3).attend is not None


def test_tokens_are_gathered_and_spread_to_where_they_were() -> None:
    regions = token_regions(torch.tensor([[[0.0, 0, 32, 32]], [[16.0, 0, 32, 16]]]), 64, 64, tokens=1)
    image = torch.randn(2, 16, 5)
    back = regions.spread(regions.gathered(image), 16)
    inside = by_loops(torch.tensor([[[0.0, 0, 32, 32]], [[16.0, 0, 32, 16]]]), 64, 64, 1).any(-1)
    assert torch.equal(back[inside], image[inside])
    assert not back[~inside].any()
