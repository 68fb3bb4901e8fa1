"""One step of each stage of the autoencoder: the loss is finite, its gradient reaches all that is trained."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from model.faces.geometry import TEMPLATE
from model.presets import nano
from model.pretraining import autoencoder
from model.pretraining.loop import Loss
from model.pretraining.photos import Photos

SIZES = ((128, 128), (192, 128))
LANDMARKS = TEMPLATE[None] * 0.5 + 20
FACES = {size: [LANDMARKS, LANDMARKS[:0], LANDMARKS] for size in SIZES}


@pytest.fixture(scope="module")
def photos() -> Photos:
    rng = np.random.default_rng(0)
    return {(w, h): rng.integers(0, 256, (3, h, w, 3), np.uint8) for w, h in SIZES}


@pytest.mark.parametrize("stage", [autoencoder._crops_loss, autoencoder._whole_loss])
def test_the_autoencoder_learns_on_crops_and_on_whole_pictures(photos: Photos, stage: Callable[..., Loss]) -> None:
    torch.manual_seed(0)
    network = AutoencoderKL(**nano().autoencoder)
    parts = stage(network, photos, FACES)(0, np.random.default_rng(0))
    parts["loss"].backward()
    assert torch.isfinite(parts["loss"])
    for name, weight in network.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad, name


def test_a_picture_without_faces_has_no_identity_to_lose(photos: Photos) -> None:
    network = AutoencoderKL(**nano().autoencoder).requires_grad_(False)
    found = autoencoder._whole_loss(network, photos, {size: [LANDMARKS[:0]] * 3 for size in SIZES})
    assert found(0, np.random.default_rng(0)).keys() == {"loss", "absolute", "perceptual"}


def test_crops_come_from_the_pictures_and_are_mirrored_half_of_the_time(photos: Photos) -> None:
    pixels = autoencoder._crops(photos, FACES, np.random.default_rng(1))
    assert pixels.shape == (autoencoder.CROP_BATCH, 3, autoencoder.CROP, autoencoder.CROP)
    assert pixels.abs().max() <= 1


def test_the_latents_statistics_are_what_centres_them(photos: Photos) -> None:
    torch.manual_seed(0)
    network = AutoencoderKL(**nano().autoencoder).eval()
    notes = autoencoder._statistics(network, photos)
    with torch.no_grad():
        latents = [
            network.encode(torch.from_numpy(p.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)).latent_dist.mode()
            for p in photos.values()
        ]
    joined = (torch.cat([part.flatten() for part in latents]) - float(notes["shift"])) * float(notes["scale"])
    assert float(joined.mean()) == pytest.approx(0, abs=1e-4)
    assert float(joined.std()) == pytest.approx(1, abs=1e-4)
