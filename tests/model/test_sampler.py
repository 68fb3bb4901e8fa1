"""The sampling pipeline on small networks: order, seeds, batching, the adapter's weight, refusals."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from model.adapter.checkpoint import save_adapter
from model.adapter.inject import conditions, injected
from model.adapter.network import IdentityAdapter
from model.errors import UserError
from model.losses.flow import sampling_times, shift_of
from model.parts import Parts
from model.presets import nano
from model.sampler import BATCH, Request, Sampler, flux_times
from tests.model.checkpoints import tiny_flux
from tests.model.tiny import BOTH, SIZES, tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_job import encode_text


def sampler(adapter: IdentityAdapter) -> Sampler:
    preset = replace(nano(), steps=3)
    return Sampler(preset, tiny_backbone(), tiny_autoencoder(), encode_text, adapter)


@pytest.fixture(scope="module")
def pipe() -> Sampler:
    torch.set_num_threads(1)
    return sampler(tiny_adapter())


def request(seed: int, people: int = 1, size: tuple[int, int] = (64, 64), prompt: str = "someone") -> Request:
    draws = np.random.default_rng(seed)
    boxes = np.array([[8 + 20 * n, 8, 36 + 20 * n, 50] for n in range(people)], np.float32)
    return Request(prompt, draws.normal(size=(people, SIZES.embedding)).astype(np.float32), boxes, *size, seed)


def pixels(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.asarray(picture, np.int16)


def same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures differ by rounding at most."""
    return bool(np.abs(pixels(one) - pixels(other)).max() <= 1)


def test_pictures_come_in_the_order_of_the_requests_whatever_their_sizes(pipe: Sampler) -> None:
    sizes = [(64, 64), (96, 64), (64, 64), (32, 64), (96, 64)]
    made = pipe([request(n, size=size) for n, size in enumerate(sizes)])
    assert [picture.size for picture in made] == sizes
    assert {picture.mode for picture in made} == {"RGB"}
    assert pipe([]) == []


def test_company_in_the_batch_changes_a_picture_by_rounding_only(pipe: Sampler) -> None:
    orders = [request(n, people=1 + n % 2) for n in range(BATCH + 2)]
    together = pipe(orders)
    for number in (0, 1, 5, BATCH + 1):
        alone = pipe([orders[number]])[0]
        assert np.abs(pixels(alone) - pixels(together[number])).max() <= 1
    assert (pixels(together[0]) != pixels(together[2])).any()


def test_the_same_request_gives_the_same_picture_and_another_seed_another(pipe: Sampler) -> None:
    one = request(1)
    assert (pixels(pipe([one])[0]) == pixels(pipe([one])[0])).all()
    assert (pixels(pipe([replace(one, seed=2)])[0]) != pixels(pipe([one])[0])).any()


def test_another_models_folder_draws_as_a_sampler_of_its_own_and_leaves_the_first_alone(
    pipe: Sampler, tmp_path: Path
) -> None:
    before, other = pipe([request(1)])[0], tiny_adapter(seed=5)
    save_adapter(other, tmp_path, pipe.preset.name)
    drawn = pipe.with_model(tmp_path)([request(1)])[0]
    assert same(drawn, sampler(other)([request(1)])[0])
    assert not same(drawn, before)
    assert same(pipe([request(1)])[0], before)


def test_weight_zero_is_the_backbone_alone(pipe: Sampler) -> None:
    one, other = request(1), replace(request(2), seed=1)
    assert (pixels(pipe([one], id_weight=0)[0]) == pixels(pipe([other], id_weight=0)[0])).all()
    assert (pixels(pipe([one])[0]) != pixels(pipe([other])[0])).any()
    assert (pixels(pipe([one])[0]) != pixels(pipe([one], id_weight=0.5)[0])).any()


def test_a_weight_that_leaves_no_picture_is_refused(pipe: Sampler) -> None:
    assert len(pipe([request(1)], id_weight=-2)) == 1
    with pytest.raises(UserError, match="the picture came out with values that are no numbers; give smaller weights"):
        pipe([request(1)], id_weight=1e38)


def test_sampling_is_euler_on_the_shifted_times(pipe: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def constant(_backbone: Any, x_t: Tensor, t: Tensor, *_: Any) -> Tensor:
        seen.append((x_t, t))
        return torch.ones_like(x_t)

    monkeypatch.setattr("model.sampler.velocity", constant)
    pipe([request(1)], steps=4)
    times = sampling_times(4, shift_of(16))
    torch.testing.assert_close(torch.stack([t[0] for _, t in seen]), times[:-1])
    for (x_t, _), time in zip(seen, times, strict=False):
        torch.testing.assert_close(x_t, seen[0][0] + (time - 1))


def test_keys_and_values_are_computed_once_and_serve_every_step(pipe: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    kept = conditions

    def counted(*given: Any) -> Any:
        calls.append(given)
        return kept(*given)

    def anew(backbone: Any, _people: Any) -> Any:
        return injected(backbone, kept(*calls[-1]))

    monkeypatch.setattr("model.sampler.conditions", counted)
    once = pixels(pipe([request(1)], steps=4)[0])
    assert len(calls) == 1
    monkeypatch.setattr("model.sampler.injected", anew)
    assert (pixels(pipe([request(1)], steps=4)[0]) == once).all()


def test_the_schedule_is_the_one_of_diffusers(pipe: Sampler) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    for width, steps in ((512, 25), (1024, 4)):
        tokens = (width // 16) ** 2
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=math.log(shift_of(tokens)))
        torch.testing.assert_close(flux_times(steps, tokens), scheduler.sigmas)


def test_the_siglip_branch_acts_where_patches_are_given() -> None:
    both = sampler(tiny_adapter(sizes=BOTH))
    arc = tiny_adapter()
    arc.load_state_dict({n: v for n, v in both.adapter.state_dict().items() if "_arc" in n})
    one = request(1, people=2)
    seen = replace(one, patches=np.random.default_rng(1).normal(size=(2, BOTH.patches, BOTH.features)).astype("f4"))
    mixed = both([one, seen, one])
    assert same(mixed[0], sampler(arc)([one])[0])
    assert same(mixed[0], both([seen], siglip_weight=0)[0])
    assert same(mixed[0], mixed[2])
    assert not same(mixed[1], mixed[0])
    assert not same(mixed[1], both([seen], siglip_weight=0.5)[0])


def test_a_photo_that_is_shown_changes_the_picture_and_is_read_by_its_own_positions(pipe: Sampler) -> None:
    one = request(1)
    photos = np.random.default_rng(2).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    shown = [pixels(pipe([replace(one, shown=photo)])[0]) for photo in photos]
    assert (shown[0] != shown[1]).any()
    assert (shown[0] != pixels(pipe([one])[0])).any()


def test_a_backbone_in_16_bits_makes_nearly_the_same_picture() -> None:
    half = Sampler(
        replace(nano(), steps=3),
        tiny_backbone().bfloat16(),
        tiny_autoencoder().bfloat16(),
        encode_text,
        tiny_adapter().bfloat16(),
    )
    difference = np.abs(pixels(half([request(1)])[0]) - pixels(sampler(tiny_adapter())([request(1)])[0]))
    assert difference.mean() < 3


def test_a_layout_for_the_preset(pipe: Sampler) -> None:
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
        ({"boxes": np.array([[40, 8, 8, 40]], np.float32)}, r"box 0 \(40, 8, 8, 40\) holds nothing of the picture"),
        ({"boxes": np.array([[8, 64, 40, 90]], np.float32)}, "holds nothing of the picture of 64 x 64 pixels"),
        ({"patches": np.zeros((1, 4, 6), np.float32)}, "patches have the shape"),
        ({"shown": np.zeros((64, 32, 3), np.uint8)}, "the photo has the shape"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_by_number(pipe: Sampler, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=f"request 1: .*{words}"):
        pipe([request(0), replace(request(1), **change)])


def test_what_an_adapter_or_a_preset_needs_is_asked_for() -> None:
    with pytest.raises(UserError, match="request 0: patches are missing"):
        sampler(tiny_adapter(sizes=replace(BOTH, branches=("sig",))))([request(0)])
    editor = sampler(tiny_adapter())
    editor.preset = replace(editor.preset, edits=True)
    with pytest.raises(UserError, match="request 0: no photo is given"):
        editor([request(0)])


def test_an_adapter_for_another_backbone_is_refused() -> None:
    for sizes, what in (
        (replace(SIZES, blocks=2), "2 blocks of width 32"),
        (replace(SIZES, hidden=48), "3 blocks of width 48"),
    ):
        with pytest.raises(UserError, match=f"^adapter: it is for a backbone of {what}, this one has 3 of 32; give"):
            sampler(tiny_adapter(sizes=sizes))


def test_each_step_is_told_and_what_hears_of_it_can_end_the_call(pipe: Sampler) -> None:
    told: list[tuple[int, int]] = []
    pipe([request(1)], steps=3, on_step=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]

    def enough(number: int, _steps: int) -> None:
        if number == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pipe([request(1)], steps=3, on_step=enough)


def test_a_model_folder_of_a_preset_with_parts_elsewhere_is_loaded(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tiny_flux(parts)
    monkeypatch.setattr("model.sampler.preset", lambda _name: chosen)
    save_adapter(tiny_adapter(sizes=BOTH), tmp_path, chosen.name)
    loaded = Sampler.load(tmp_path)
    assert loaded.adapter.sizes == BOTH
    assert loaded([request(1)])[0].size == (64, 64)
