"""The plain training step and ours are one: the same losses and gradients."""

from dataclasses import replace

import pytest
import torch

from benchmarks.training import our_step
from benchmarks.training_parts import Parts, cached_batch, photos
from benchmarks.training_plain import plain_step
from model.losses.bank import IdentityBank
from model.presets import nano
from model.training.step import AdaptedBackbone, Judges
from tests.model.tiny import SIZES, TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_job import encode_text


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_losses_and_gradients_are_those_of_the_plain_step(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for windows, which test_windows.py holds to their own tolerance."""
    torch.set_num_threads(1)
    monkeypatch.setattr("model.losses.decode.PASS_WITHOUT_GRADIENT", 9)
    torch.manual_seed(0)
    bank = IdentityBank.of(torch.randn(50, SIZES.embedding), torch.arange(50) % 7)
    parts = Parts(
        replace(nano(), recogniser_dim=SIZES.embedding),
        AdaptedBackbone(tiny_backbone(), tiny_adapter()),
        Judges(tiny_autoencoder(), TinyRecogniser(), bank),
        encode_text,
        torch.device("cpu"),
        (192, 128),
    )
    pixels = photos(parts, 4)
    batch = cached_batch(parts, pixels)
    assert 0 < batch.decoded.sum() < 4
    results = []
    for step in (lambda: plain_step(parts, batch, pixels), lambda: our_step(parts, batch, share)):
        parts.model.zero_grad()
        found = step()
        gradient = torch.cat([p.grad.flatten() for p in parts.model.adapter.parameters() if p.grad is not None])
        results.append(({name: float(value.detach()) for name, value in found.items()}, gradient))
    (plain, plain_gradient), (ours, our_gradient) = results
    assert ours == pytest.approx(plain, rel=1e-4)
    torch.testing.assert_close(plain_gradient, our_gradient, rtol=1e-3, atol=1e-5)
