"""Pretrain the nano preset's autoencoder with L1 and LPIPS on photos of the virtual cast.

`python -m model.pretraining.autoencoder OUT FOLDER...` writes OUT/autoencoder.safetensors in half precision.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from safetensors.torch import save_file

from model.artefacts import new_file
from model.faces.detector import Detector
from model.presets import nano
from model.pretraining.loop import Loss, Plan, pretrain
from model.pretraining.lpips import Lpips
from model.pretraining.photos import Photos, Size, load_photos

# First encoder and decoder together. Then the encoder is frozen, so that the backbone can start on its latents, and the
# decoder goes on alone.
JOINT = Plan(steps=4000, learning_rate=1.2e-3, average=0.995, weight_decay=0.0, seed=1)
DECODER = Plan(steps=1500, learning_rate=5e-4, average=0.995, weight_decay=0.0, seed=2)
CROP, BATCH = 64, 8
ON_FACES, JITTER = 0.7, 14  # share of the crops that hold a face, and pixels by which its middle is off the centre
WHOLE_FROM, WHOLE_BATCH = (
    0.7,
    2,
)  # the decoder ends on whole pictures, as it will be used
PERCEPTUAL, DIVERGENCE = 0.5, 1e-3


Faces = dict[Size, list[NDArray[np.float32]]]


def main(out: Path, folders: list[Path]) -> None:
    """Train in two stages; each writes the weights so far."""
    torch.manual_seed(JOINT.seed)
    photos = load_photos(folders, nano())
    faces = _faces(photos)
    network = AutoencoderKL(**nano().autoencoder)
    notes: dict[str, str] = {}
    for name, plan in (("joint", JOINT), ("decoder", DECODER)):
        if name == "decoder":
            network.encoder.requires_grad_(False)
        loss = _loss(network, photos, faces, plan, name == "decoder")
        weights = pretrain(network, loss, plan, out / f"autoencoder.{name}")
        network.load_state_dict(weights)
        notes = notes or _statistics(network, photos)
        with new_file(out / "autoencoder.safetensors") as draft:
            save_file({key: value.half().contiguous() for key, value in weights.items()}, draft, notes)


def _loss(network: AutoencoderKL, photos: Photos, faces: Faces, plan: Plan, alone: bool) -> Loss:
    """L1, LPIPS and a small divergence from the unit Gaussian; the decoder `alone` reads the posterior's mean."""
    perceptual = Lpips()

    def loss(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        pixels = _pixels(photos, faces, rng, whole=alone and step >= WHOLE_FROM * plan.steps)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = network.encode(pixels).latent_dist
            decoded = network.decode(posterior.mode() if alone else posterior.sample()).sample
            distance = perceptual(decoded, pixels).float().mean()
        absolute = (decoded.float() - pixels).abs().mean()
        divergence = posterior.kl().float().mean() / pixels[0].numel()
        total = absolute + PERCEPTUAL * distance + DIVERGENCE * divergence
        return {"loss": total, "absolute": absolute, "perceptual": distance, "divergence": divergence}

    return loss


def _faces(photos: Photos) -> Faces:
    """The middles [N,2] of the faces in each picture, by size."""
    detector = Detector.load()
    return {
        size: [found.boxes.reshape(-1, 2, 2).mean(1) for found in detector.detect(list(pictures))]
        for size, pictures in photos.pictures.items()
    }


def _corner(rng: np.random.Generator, middles: NDArray[np.float32], size: Size) -> tuple[int, int]:
    """Left and top of a crop: about a face most of the time, else anywhere."""
    room = np.array(size) - CROP
    if len(middles) and rng.random() < ON_FACES:
        wanted = middles[rng.integers(len(middles))] + rng.uniform(-JITTER, JITTER, 2) - CROP / 2
        left, top = np.clip(wanted, 0, room)
    else:
        left, top = rng.integers(room + 1)
    return int(left), int(top)


def _pixels(photos: Photos, faces: Faces, rng: np.random.Generator, whole: bool) -> torch.Tensor:
    """Pictures or square crops [B,3,H,W] in [-1,1], one size a batch, mirrored half of the time."""
    sizes = sorted(photos.pictures)
    counts = np.array([len(photos.pictures[size]) for size in sizes], float)
    size = sizes[rng.choice(len(sizes), p=counts / counts.sum())]
    chosen = rng.integers(len(photos.pictures[size]), size=WHOLE_BATCH if whole else BATCH)
    batch = photos.pictures[size][chosen]
    if not whole:
        corners = [_corner(rng, faces[size][index], size) for index in chosen]
        batch = np.stack([b[t : t + CROP, left : left + CROP] for b, (left, t) in zip(batch, corners, strict=True)])
    mirrored = np.where(rng.random(len(batch))[:, None, None, None] < 0.5, batch[:, :, ::-1], batch)
    pixels = torch.from_numpy(mirrored.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    return pixels.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _statistics(network: AutoencoderKL, photos: Photos) -> dict[str, str]:
    """Shift and scale that bring the latents of some pictures to mean 0 and deviation 1, as notes of the weights."""
    latents = [
        network.encode(torch.from_numpy(part[:64].astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2))
        .latent_dist.mode()
        .flatten()
        for part in photos.pictures.values()
    ]
    joined = torch.cat(latents)
    return {"shift": repr(float(joined.mean())), "scale": repr(1 / float(joined.std()))}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
