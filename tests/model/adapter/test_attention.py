"""The masked cross-attention: gathered equals dense in float64, and rows that see nobody are exactly zero."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.adapter.attention import PerceiverAttentionCA
from model.adapter.inject import People, conditions
from model.adapter.regions import cells_in_boxes, token_regions
from tests.model.tiny import BOTH, SIZES, tiny_adapter

TOKENS = 2
corner = st.integers(-2, 9).map(lambda n: 8.0 * n)
box = st.tuples(corner, corner, corner, corner)


def plain(attention: PerceiverAttentionCA, image: Tensor, tokens: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The paper's form, over all image tokens with a dense mask; zero where a row sees nobody."""

    def heads(x: Tensor) -> Tensor:
        return x.reshape(len(x), -1, SIZES.heads, SIZES.head_dim).transpose(1, 2)

    mask = cells_in_boxes(boxes, size, size).repeat_interleave(TOKENS, dim=-1)[:, None]
    both = attention.to_kv(attention.norm1(tokens))
    keys, values = heads(both[..., : SIZES.inner]), heads(both[..., SIZES.inner :])
    scores = heads(attention.to_q(attention.norm2(image))) @ keys.transpose(-1, -2) / SIZES.head_dim**0.5
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1).nan_to_num(0.0)
    found: Tensor = attention.to_out((weights @ values).transpose(1, 2).flatten(2))
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(box, min_size=3, max_size=3), min_size=1, max_size=3), st.integers(0, 99))
def test_gathered_equals_dense_for_any_boxes_overlapping_or_empty(
    boxes: list[list[tuple[float, float, float, float]]], seed: int
) -> None:
    attention = tiny_adapter().attentions()[1].double()
    torch.manual_seed(seed)
    image = torch.randn(len(boxes), 16, SIZES.hidden).double()
    tokens = torch.randn(len(boxes), 3 * TOKENS, SIZES.hidden).double()
    regions = token_regions(torch.tensor(boxes), 64, 64, TOKENS)
    update = attention(image, attention.keys_values(tokens), regions)
    torch.testing.assert_close(update, plain(attention, image, tokens, torch.tensor(boxes), 64))


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, None])
def test_rows_that_see_nobody_are_exactly_zero_in_every_kernel(kernel: SDPBackend | None) -> None:
    attention = tiny_adapter().attentions()[0]
    boxes = torch.tensor([[[0.0, 0, 32, 32], [16.0, 16, 48, 64]], [[16.0, 16, 20, 20], [0.0, 0, 0, 0]]])
    regions = token_regions(boxes, 64, 64, TOKENS)
    image = torch.randn(2, 16, SIZES.hidden, requires_grad=True)
    tokens = torch.randn(2, 2 * TOKENS, SIZES.hidden)
    with sdpa_kernel([kernel, SDPBackend.MATH] if kernel else list(SDPBackend.__members__.values())):
        update = attention(image, attention.keys_values(tokens), regions)
        update.sum().backward()
    inside = cells_in_boxes(boxes, 64, 64).any(-1)
    assert not update[~inside].any()
    assert update[inside].all()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert not image.grad[~inside].any()


def test_keys_made_by_the_blocks_add_what_keys_made_first_do() -> None:
    adapter, image = tiny_adapter(sizes=BOTH), torch.randn(1, 16, SIZES.hidden)
    people = People(
        torch.randn(1, 2, SIZES.embedding),
        torch.tensor([[[0.0, 0, 32, 32], [16.0, 16, 48, 64]]]),
        torch.randn(1, 2, 4, 6),
    )
    updates = list[list[Tensor]]()
    for adapter.keys_first in (True, False):
        both = conditions(adapter, people, (64, 64))
        updates.append([one.attentions[k](image, one.keys_values[k], one.regions) for one in both for k in range(3)])
    assert all(torch.equal(first, late) for first, late in zip(*updates, strict=True))
    assert len(updates[0]) == 6


def test_nobody_anywhere_changes_nothing() -> None:
    attention = tiny_adapter().attentions()[0]
    regions = token_regions(torch.zeros(2, 1, 4), 64, 64, TOKENS)
    update = attention(torch.randn(2, 16, SIZES.hidden), attention.keys_values(torch.ones(2, 2, SIZES.hidden)), regions)
    assert update.shape == (2, 16, SIZES.hidden)
    assert not update.any()


def test_an_adapter_in_32_bits_works_on_a_backbone_in_16() -> None:
    attention = tiny_adapter().attentions()[0]
    regions = token_regions(torch.tensor([[[0.0, 0, 32, 32]]]), 64, 64, TOKENS)
    image, known = torch.randn(1, 16, SIZES.hidden), attention.keys_values(torch.randn(1, TOKENS, SIZES.hidden))
    half = attention(image.bfloat16(), known, regions)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), attention(image, known, regions), atol=0.05, rtol=0.05)
