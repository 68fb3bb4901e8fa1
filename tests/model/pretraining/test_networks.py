"""One step of each pretraining: the loss is finite and its gradient reaches every weight that is trained."""

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

from model.denoiser import TextFeatures
from model.presets import nano
from model.pretraining import autoencoder, backbone
from model.pretraining.photos import Photos

FACES = {size: [np.full((1, 2), 40.0, np.float32)] * 3 for size in ((128, 128), (192, 128))}


@pytest.fixture(scope="module")
def photos() -> Photos:
    rng = np.random.default_rng(0)
    sizes = ((128, 128), (192, 128))
    pictures = {(w, h): rng.integers(0, 256, (3, h, w, 3), np.uint8) for w, h in sizes}
    return Photos(pictures, {size: ["one person, smiling"] * 3 for size in sizes})


@pytest.mark.parametrize("alone", [False, True])
def test_the_autoencoder_learns_in_both_stages(photos: Photos, alone: bool) -> None:
    torch.manual_seed(0)
    network = AutoencoderKL(**nano().autoencoder)
    if alone:
        network.encoder.requires_grad_(False)
    last = autoencoder.DECODER.steps - 1
    parts = autoencoder._loss(network, photos, FACES, autoencoder.DECODER, alone)(last, np.random.default_rng(0))
    parts["loss"].backward()
    assert torch.isfinite(parts["loss"])
    for name, weight in network.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad, name


def test_crops_come_from_the_pictures_and_are_mirrored_half_of_the_time(photos: Photos) -> None:
    pixels = autoencoder._pixels(photos, FACES, np.random.default_rng(1), whole=False)
    assert pixels.shape == (autoencoder.BATCH, 3, autoencoder.CROP, autoencoder.CROP)
    assert pixels.abs().max() <= 1
    whole = autoencoder._pixels(photos, FACES, np.random.default_rng(1), whole=True)
    assert whole.shape[2:] in {(128, 128), (128, 192)}


def test_the_latents_statistics_are_what_centres_them(photos: Photos) -> None:
    torch.manual_seed(0)
    network = AutoencoderKL(**nano().autoencoder).eval()
    notes = autoencoder._statistics(network, photos)
    with torch.no_grad():
        latents = [
            network.encode(torch.from_numpy(p.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)).latent_dist.mode()
            for p in photos.pictures.values()
        ]
    joined = (torch.cat([part.flatten() for part in latents]) - float(notes["shift"])) * float(notes["scale"])
    assert float(joined.mean()) == pytest.approx(0, abs=1e-4)
    assert float(joined.std()) == pytest.approx(1, abs=1e-4)


def test_the_backbone_learns_from_tokens_and_captions() -> None:
    torch.manual_seed(0)
    network = FluxTransformer2DModel(**nano().backbone)
    examples = {(128, 128): backbone.Examples(torch.randn(2, 5, 64, 64), torch.zeros(2, 5, dtype=torch.long))}
    text = TextFeatures(torch.randn(1, 16, 384), torch.randn(1, 384))
    loss = backbone._loss(network, examples, text)(0, np.random.default_rng(0))["loss"]
    loss.backward()
    assert 0.5 < float(loss.detach()) < 5
    assert all(weight.grad is not None for weight in network.parameters())
