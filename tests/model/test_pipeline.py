"""The sampling pipeline on small networks: order, seeds, batching, the adapter's weight, refusals."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from model.adapter.inject import condition
from model.adapter.regions import token_regions
from model.denoiser import TextFeatures
from model.errors import UserError
from model.losses.flow import sampling_times, shift_of
from model.pipeline import BATCH, Request, WithAnyonePipeline
from model.presets import nano
from tests.model.tiny import SIZES, tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_job import encode_text


class Text:
    """A text encoder of the tiny networks' widths."""

    encode = staticmethod(encode_text)


@pytest.fixture(scope="module")
def pipe() -> WithAnyonePipeline:
    torch.set_num_threads(1)
    text: Any = Text()
    preset = replace(nano(), steps=3, identity_guidance=1.0)
    return WithAnyonePipeline(preset, tiny_backbone(), tiny_autoencoder(), text, tiny_adapter())


def request(seed: int, people: int = 1, size: tuple[int, int] = (64, 64), prompt: str = "someone") -> Request:
    draws = np.random.default_rng(seed)
    boxes = np.array([[8 + 20 * n, 8, 36 + 20 * n, 50] for n in range(people)], np.float32)
    return Request(prompt, draws.normal(size=(people, SIZES.embedding)).astype(np.float32), boxes, *size, seed)


def pixels(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.asarray(picture, np.int16)


def test_pictures_come_in_the_order_of_the_requests_whatever_their_sizes(pipe: WithAnyonePipeline) -> None:
    sizes = [(64, 64), (96, 64), (64, 64), (32, 64), (96, 64)]
    made = pipe([request(n, size=size) for n, size in enumerate(sizes)])
    assert [picture.size for picture in made] == sizes
    assert {picture.mode for picture in made} == {"RGB"}
    assert pipe([]) == []


def test_company_in_the_batch_changes_a_picture_by_rounding_only(pipe: WithAnyonePipeline) -> None:
    orders = [request(n, people=1 + n % 2) for n in range(BATCH + 2)]
    together = pipe(orders)
    for number in (0, 1, 5, BATCH + 1):
        alone = pipe([orders[number]])[0]
        assert np.abs(pixels(alone) - pixels(together[number])).max() <= 1
    assert (pixels(together[0]) != pixels(together[2])).any()


def test_the_same_request_gives_the_same_picture_and_another_seed_another(pipe: WithAnyonePipeline) -> None:
    one = request(1)
    assert (pixels(pipe([one])[0]) == pixels(pipe([one])[0])).all()
    assert (pixels(pipe([replace(one, seed=2)])[0]) != pixels(pipe([one])[0])).any()


def test_weight_zero_is_the_backbone_alone(pipe: WithAnyonePipeline) -> None:
    one, other = request(1), replace(request(2), seed=1)
    assert (pixels(pipe([one], id_weight=0)[0]) == pixels(pipe([other], id_weight=0)[0])).all()
    assert (pixels(pipe([one])[0]) != pixels(pipe([other])[0])).any()
    assert (pixels(pipe([one])[0]) != pixels(pipe([one], id_weight=0.5)[0])).any()


def test_sampling_is_euler_on_the_shifted_times(pipe: WithAnyonePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def constant(_backbone: Any, x_t: Tensor, t: Tensor, *_: Any) -> Tensor:
        seen.append((x_t, t))
        return torch.ones_like(x_t)

    monkeypatch.setattr("model.pipeline.velocity", constant)
    pipe([request(1)], steps=4)
    times = sampling_times(4, shift_of(16))
    torch.testing.assert_close(torch.stack([t[0] for _, t in seen]), times[:-1])
    for (x_t, _), time in zip(seen, times, strict=False):
        torch.testing.assert_close(x_t, seen[0][0] + (time - 1))


def test_guidance_exaggerates_what_the_adapter_adds(pipe: WithAnyonePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x_t, t, text = torch.randn(1, 16, 16), torch.tensor(0.7), TextFeatures(*encode_text(["someone"]))
    regions = token_regions(torch.tensor([[[8.0, 8.0, 50.0, 50.0]]]), 64, 64, SIZES.tokens)

    def moved(guidance: float, weight: float = 1.0) -> Tensor:
        monkeypatch.setattr(pipe, "preset", replace(pipe.preset, identity_guidance=guidance))
        people = condition(pipe.adapter, torch.ones(1, 1, SIZES.embedding), regions, weight)
        with torch.inference_mode():
            return pipe._velocity(x_t, t, text, (64, 64), people)

    alone, plain = moved(1, weight=0), moved(1)
    assert not torch.allclose(alone, plain)
    torch.testing.assert_close(moved(3), alone + 3 * (plain - alone))
    assert torch.equal(moved(3, weight=0), alone)


def test_a_layout_for_the_preset(pipe: WithAnyonePipeline) -> None:
    boxes, width, height = pipe.layout(3)
    assert (width, height) == nano().bucket(3)
    assert boxes.shape == (3, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 70}, "70 x 64 is not a multiple"),
        ({"boxes": np.zeros((0, 4), np.float32)}, "boxes have the shape"),
        ({"embeddings": np.zeros((2, SIZES.embedding), np.float32)}, "embeddings have the shape"),
        ({"embeddings": np.full((1, SIZES.embedding), np.nan, np.float32)}, "no number"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_by_number(
    pipe: WithAnyonePipeline, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=f"request 1: .*{words}"):
        pipe([request(0), replace(request(1), **change)])
