"""Regions: broadcasting against the loop that the definition spells out."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from model.adapter.regions import token_regions


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


coordinate = st.floats(-20, 150, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate)


@given(st.lists(st.lists(box, min_size=2, max_size=2), min_size=1, max_size=3), st.integers(1, 3))
def test_masks_equal_the_loop(boxes: list[list[tuple[float, float, float, float]]], tokens: int) -> None:
    batch = torch.tensor(boxes)
    regions = token_regions(batch, 96, 64, tokens)
    expected = by_loops(batch, 96, 64, tokens)
    assert torch.equal(regions.inside[..., 0], expected.any(-1))
    assert torch.equal(regions.attend[:, 0] & regions.inside, expected)
    assert regions.attend.any(-1).all()


def test_overlapping_boxes_see_both_people() -> None:
    regions = token_regions(torch.tensor([[[0.0, 0, 32, 32], [16.0, 16, 48, 48]]]), 64, 64, tokens=1)
    assert regions.attend[0, 0].reshape(4, 4, 2)[1, 1].tolist() == [True, True]
    assert regions.attend[0, 0].reshape(4, 4, 2)[0, 0].tolist() == [True, False]
    assert regions.attend[0, 0].reshape(4, 4, 2)[2, 2].tolist() == [False, True]
