"""The plain training step and ours are one: the same losses and gradients."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.training_ours import Found, our_step, tried
from benchmarks.training_parts import Parts, cached_batch, photos
from benchmarks.training_plain import plain_step
from model.losses.bank import IdentityBank
from model.presets import nano
from model.training.step import AdaptedBackbone, Judges
from tests.model.tiny import SIZES, TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_job import encode_text

Outcome = tuple[dict[str, float], Tensor]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Tiny networks; pictures are decoded whole, as test_windows.py holds windows to their own tolerance."""
    torch.set_num_threads(1)
    monkeypatch.setattr("model.losses.decode.PASS_WITHOUT_GRADIENT", 9)
    torch.manual_seed(0)
    bank = IdentityBank.of(torch.randn(50, SIZES.embedding), torch.arange(50) % 7)
    return Parts(
        replace(nano(), recogniser_dim=SIZES.embedding),
        AdaptedBackbone(tiny_backbone(), tiny_adapter()),
        Judges(tiny_autoencoder(), TinyRecogniser(), bank),
        encode_text,
        torch.device("cpu"),
        (192, 128),
    )


def outcome(parts: Parts, step: Callable[[], Found]) -> Outcome:
    """The losses of a step and the adapter's gradient."""
    parts.model.zero_grad()
    found = step()
    gradient = torch.cat([p.grad.flatten() for p in parts.model.adapter.parameters() if p.grad is not None])
    return {name: float(value.detach()) for name, value in found.items()}, gradient


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_losses_and_gradients_are_those_of_the_plain_step(parts: Parts, share: float) -> None:
    pixels = photos(parts, 4)
    batch = cached_batch(parts, pixels)
    assert 0 < batch.decoded.sum() < 4
    plain, plain_gradient = outcome(parts, lambda: plain_step(parts, batch, pixels))
    ours, our_gradient = outcome(parts, lambda: our_step(parts, batch, share))
    assert ours == pytest.approx(plain, rel=1e-4)
    torch.testing.assert_close(plain_gradient, our_gradient, rtol=1e-3, atol=1e-5)


def test_the_ways_that_were_tried_compute_our_step(parts: Parts) -> None:
    batch = cached_batch(parts, photos(parts, 4))
    ours, our_gradient = outcome(parts, lambda: our_step(parts, batch))
    exact = {"attention by its formula", "all but products recomputed"}
    ways = tried(parts, batch)
    del ways["blocks compiled"]  # takes minutes
    assert exact < set(ways)
    for name, way in ways.items():
        found, gradient = outcome(parts, way)
        assert found == pytest.approx(ours, rel=1e-5 if name in exact else 0.02), name
        apart = float((gradient - our_gradient).norm() / our_gradient.norm())
        assert apart < 1e-4 if name in exact else 1e-4 < apart < 0.2, name


def test_a_batch_without_a_face_to_decode_has_the_flow_loss_both_ways(parts: Parts) -> None:
    pixels = photos(parts, 2)
    batch = replace(cached_batch(parts, pixels), decoded=torch.zeros(2, dtype=torch.bool))
    plain, plain_gradient = outcome(parts, lambda: plain_step(parts, batch, pixels))
    ours, our_gradient = outcome(parts, lambda: our_step(parts, batch))
    assert ours.keys() == {"flow", "total"}
    assert ours == pytest.approx({name: plain[name] for name in ours}, rel=1e-4)
    torch.testing.assert_close(plain_gradient, our_gradient, rtol=1e-3, atol=1e-5)
