"""Pretrain the nano preset's autoencoder with L1, LPIPS and a recogniser on photos of the virtual cast.

`python -m model.pretraining.autoencoder OUT FOLDER...` writes OUT/autoencoder.safetensors in half precision.
"""

import logging
from pathlib import Path

import numpy as np
import torch
import typer
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from model.artefacts import new_file
from model.channels_last import channels_last
from model.dataset.buckets import Size
from model.faces.detector import Detector
from model.faces.recogniser import load_recogniser
from model.losses.decode import face_embeddings
from model.losses.identity import identity_loss
from model.presets import nano
from model.pretraining.loop import Loss, Plan, pretrain
from model.pretraining.lpips import Lpips
from model.pretraining.photos import Photos, load_photos

# First encoder and decoder together on crops, then on whole pictures with a recogniser's word on their faces. Then
# the encoder is frozen, so that the backbone can start on its latents, and the decoder goes on alone.
CROPS = Plan(steps=1800, learning_rate=1e-3, warm_up=50, average=0.995, weight_decay=0.0, seed=1)
WHOLE = Plan(steps=700, learning_rate=6e-4, warm_up=50, average=0.99, weight_decay=0.0, seed=2)
DECODER = Plan(steps=700, learning_rate=4e-4, warm_up=50, average=0.99, weight_decay=0.0, seed=3)
CROP, CROP_BATCH, WHOLE_BATCH = 64, 8, 4
ON_FACES, JITTER = 0.7, 14  # share of the crops that hold a face, and pixels by which its middle is off the centre
PERCEPTUAL, DIVERGENCE, IDENTITY = 0.5, 1e-3, 0.15

Faces = dict[Size, list[NDArray[np.float32]]]
Parts = dict[str, torch.Tensor]
START = "start.safetensors"


def main(out: Path, folders: list[Path]) -> None:
    """Train in three stages, from OUT/start.safetensors where it is there; the last two write the weights so far."""
    torch.manual_seed(CROPS.seed)
    photos = load_photos(folders, nano())
    faces = _faces(photos)
    network = channels_last(AutoencoderKL(**nano().autoencoder))
    if (out / START).exists():
        network.load_state_dict({name: value.float() for name, value in load_file(out / START).items()})
    network.load_state_dict(pretrain(network, _crops_loss(network, photos, faces), CROPS, out / "crops"))
    network.load_state_dict(pretrain(network, whole := _whole_loss(network, photos, faces), WHOLE, out / "whole"))
    notes = _statistics(network, photos)
    _write(network.state_dict(), notes, out)
    network.encoder.requires_grad_(False)
    _write(pretrain(network, whole, DECODER, out / "decoder"), notes, out)


def _write(weights: Parts, notes: dict[str, str], out: Path) -> None:
    with new_file(out / "autoencoder.safetensors") as draft:
        save_file({key: value.half().contiguous() for key, value in weights.items()}, draft, notes)


def _crops_loss(network: AutoencoderKL, photos: Photos, faces: Faces) -> Loss:
    """On crops: how the pictures differ, and a small divergence of the latents from the unit Gaussian."""
    perceptual = Lpips()

    def loss(_: int, rng: np.random.Generator) -> Parts:
        pixels = _crops(photos, faces, rng)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = network.encode(pixels).latent_dist
            decoded = network.decode(posterior.sample()).sample
        found = _difference(perceptual, decoded, pixels)
        divergence = posterior.kl().float().mean() / pixels[0].numel()
        return found | {"loss": found["loss"] + DIVERGENCE * divergence, "divergence": divergence}

    return loss


def _whole_loss(network: AutoencoderKL, photos: Photos, faces: Faces) -> Loss:
    """On whole pictures: how they differ, and how unlike their faces have become in the eyes of a recogniser."""
    perceptual, recognise = Lpips(), channels_last(load_recogniser(nano().recogniser))

    def loss(_: int, rng: np.random.Generator) -> Parts:
        size, chosen = _choose(photos, rng, WHOLE_BATCH)
        pixels = _tensor(photos[size][chosen])
        with torch.autocast("cpu", torch.bfloat16):
            decoded = network.decode(network.encode(pixels).latent_dist.mode()).sample
        found = _difference(perceptual, decoded, pixels)
        landmarks = [faces[size][index] for index in chosen]
        where = torch.from_numpy(np.concatenate(landmarks))
        if not len(where):
            return found
        of_picture = torch.tensor([row for row, points in enumerate(landmarks) for _ in points])
        with torch.no_grad():
            truths = face_embeddings(recognise, pixels, where, of_picture)
        unlike = identity_loss(face_embeddings(recognise, decoded.float(), where, of_picture), truths).mean()
        return found | {"loss": found["loss"] + IDENTITY * unlike, "identity": unlike}

    return loss


def _difference(perceptual: Lpips, decoded: torch.Tensor, pixels: torch.Tensor) -> Parts:
    """L1 and LPIPS between pictures, and their weighted sum as `loss`."""
    absolute = (decoded.float() - pixels).abs().mean()
    with torch.autocast("cpu", torch.bfloat16):
        distance = perceptual(decoded, pixels).float().mean()
    return {"loss": absolute + PERCEPTUAL * distance, "absolute": absolute, "perceptual": distance}


def _faces(photos: Photos) -> Faces:
    """The landmarks [N,5,2] of the faces in each picture, by size."""
    detector = Detector.load()
    return {
        size: [found.landmarks.reshape(-1, 5, 2).astype(np.float32) for found in detector.detect(list(pictures))]
        for size, pictures in photos.items()
    }


def _choose(photos: Photos, rng: np.random.Generator, count: int) -> tuple[Size, NDArray[np.int64]]:
    """`count` pictures of one size, by their size and numbers; a size comes up as often as it has pictures."""
    sizes = sorted(photos)
    counts = np.array([len(photos[size]) for size in sizes], float)
    size = sizes[rng.choice(len(sizes), p=counts / counts.sum())]
    return size, rng.integers(len(photos[size]), size=count)


def _crops(photos: Photos, faces: Faces, rng: np.random.Generator) -> torch.Tensor:
    """Square crops [B,3,CROP,CROP] in [-1,1] of pictures of one size, mirrored half of the time."""
    size, chosen = _choose(photos, rng, CROP_BATCH)
    corners = [_corner(rng, faces[size][index].mean(1), size) for index in chosen]
    pictures = photos[size][chosen]
    batch = np.stack([b[t : t + CROP, left : left + CROP] for b, (left, t) in zip(pictures, corners, strict=True)])
    return _tensor(np.where(rng.random(len(batch))[:, None, None, None] < 0.5, batch[:, :, ::-1], batch))


def _corner(rng: np.random.Generator, middles: NDArray[np.float32], size: Size) -> tuple[int, int]:
    """Left and top of a crop: about a face, whose `middles` [N,2] are given, most of the time, else anywhere."""
    room = np.array(size) - CROP
    if len(middles) and rng.random() < ON_FACES:
        wanted = middles[rng.integers(len(middles))] + rng.uniform(-JITTER, JITTER, 2) - CROP / 2
        left, top = np.clip(wanted, 0, room)
    else:
        left, top = rng.integers(room + 1)
    return int(left), int(top)


def _tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures [B,H,W,3] as [B,3,H,W] in [-1,1]."""
    pixels = torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    return pixels.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _statistics(network: AutoencoderKL, photos: Photos) -> dict[str, str]:
    """Shift and scale that bring the latents of some pictures to mean 0 and deviation 1, as notes of the weights."""
    latents = [
        network.encode(torch.from_numpy(part[:64].astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2))
        .latent_dist.mode()
        .flatten()
        for part in photos.values()
    ]
    joined = torch.cat(latents)
    return {"shift": repr(float(joined.mean())), "scale": repr(1 / float(joined.std()))}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    typer.run(main)
