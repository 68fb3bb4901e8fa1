"""A row of a linear layer is the same alone and among many; so is a picture of the shipped networks."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.presets import load_autoencoder, load_backbone, nano
from model.sampler import Request, Sampler
from model.steady import ROWS, steady
from model.training.assemble import new_adapter


@pytest.mark.parametrize("sizes", [(192, 1152), (384, 192)])
def test_a_row_is_the_same_however_many_are_beside_it(sizes: tuple[int, int]) -> None:
    layer, rows = nn.Linear(*sizes), torch.randn(3 * ROWS, sizes[0])
    with torch.inference_mode(), steady([layer]):
        together = layer(rows)
        for count in range(1, len(rows)):
            assert torch.equal(layer(rows[:count]), together[:count])
        assert layer(rows[:6].unflatten(0, (2, 1, 3))).shape == (2, 1, 3, sizes[1])
    assert torch.equal(layer(rows), together)
    assert not layer._forward_hooks | layer._forward_pre_hooks


def encode_text(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Noise for features, the same for the same text."""
    draws = [torch.Generator().manual_seed(len(text)) for text in texts]
    states = [torch.randn(nano().text_tokens, 384, generator=draw) for draw in draws]
    return torch.stack(states), torch.stack([state.mean(0) for state in states])


@pytest.mark.parametrize("people", [1, 3])
def test_a_picture_of_the_real_networks_is_the_same_alone_and_in_company(people: int) -> None:
    adapter = new_adapter(nano(), 0)
    for attention in adapter.attentions():
        nn.init.normal_(attention.to_out.weight, std=0.05)
    pipe = Sampler(nano(), load_backbone(nano()), load_autoencoder(nano()), encode_text, adapter)
    faces = np.random.default_rng(0).normal(size=(3, people, adapter.sizes.embedding)).astype(np.float32)
    orders = [Request("word" * n, face, *pipe.layout(people), seed=n) for n, face in enumerate(faces)]
    alone = [pipe([order], steps=2)[0] for order in orders]
    for some in (slice(3), slice(1, 3)):
        for picture, own in zip(pipe(orders[some], steps=2), alone[some], strict=True):
            assert np.array_equal(np.asarray(picture), np.asarray(own))
