"""A picture is the same alone and in company: in a linear layer, and drawn by the shipped networks."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.presets import load_autoencoder, load_backbone, nano
from model.sampler import Request, Sampler
from model.steady import steady
from model.training.assemble import new_adapter


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Torch's threads: how rows are multiplied depends on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(192, 1152), (80, 384, 192), (141, 960, 192)])
def test_rows_of_a_picture_are_the_same_whatever_is_beside_them(shape: tuple[int, ...]) -> None:
    layer, batch = nn.Linear(shape[-2], shape[-1]), torch.randn(5, *shape[:-1])
    plain = layer(batch)
    with torch.inference_mode(), steady([layer]):
        together = layer(batch)
        for count in range(1, len(batch)):
            assert torch.equal(layer(batch[:count]), together[:count])
    torch.testing.assert_close(together, plain)
    assert torch.equal(layer(batch), plain)
    assert "forward" not in vars(layer)


def encode_text(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Noise for features, the same for the same text."""
    draws = [torch.Generator().manual_seed(len(text)) for text in texts]
    states = [torch.randn(nano().text_tokens, 384, generator=draw) for draw in draws]
    return torch.stack(states), torch.stack([state.mean(0) for state in states])


@pytest.mark.usefixtures("threads")
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
