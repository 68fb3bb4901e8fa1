"""Pretrain the nano preset's backbone by flow matching on captioned photos of the virtual cast.

`python -m model.pretraining.backbone OUT FOLDER...` uses the shipped autoencoder and writes
OUT/backbone.safetensors in half precision.
"""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from safetensors.torch import save_file

from model.artefacts import new_file
from model.captions import compose
from model.denoiser import Size, TextFeatures, velocity
from model.latents import encode, pack
from model.losses.flow import flow_loss, noised, sample_times, shift_of
from model.presets import Preset, load_autoencoder, nano
from model.pretraining.loop import Loss, Plan, pretrain
from model.pretraining.photos import Photos, load_photos
from model.text import TextEncoder

PLAN = Plan(steps=2700, learning_rate=6e-4, warm_up=150, average=0.998, weight_decay=0.01, seed=3)
BATCH = 16
COUNT_ONLY = 0.1  # share of the captions that are cut to the number of people


@dataclass(frozen=True)
class Examples:
    """Pictures of one size: tokens, plain and mirrored [2,N,L,C], and their captions' rows, whole and cut [2,N]."""

    tokens: torch.Tensor
    captions: torch.Tensor


def main(out: Path, folders: list[Path]) -> None:
    """Train and write the weights."""
    torch.manual_seed(PLAN.seed)
    chosen = nano()
    photos = load_photos(folders, chosen)
    text, rows = _captions(photos, chosen)
    examples = _examples(photos, chosen, rows)
    network = FluxTransformer2DModel(**chosen.backbone)
    weights = pretrain(network, _loss(network, examples, text), PLAN, out / "backbone")
    with new_file(out / "backbone.safetensors") as draft:
        save_file({name: value.half().contiguous() for name, value in weights.items()}, draft)


def _captions(photos: Photos, chosen: Preset) -> tuple[TextFeatures, dict[str, int]]:
    """Text features of every caption, whole and cut to its first words (the number of people), and their rows."""
    whole = {caption for part in photos.captions.values() for caption in part}
    ordered = sorted(whole | {_cut(caption) for caption in whole})
    encoder = TextEncoder.load(chosen.text_tokens)
    parts = [encoder.encode(ordered[start : start + 64]) for start in range(0, len(ordered), 64)]
    features = TextFeatures(torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts]))
    return features, {caption: row for row, caption in enumerate(ordered)}


def _cut(caption: str) -> str:
    return caption.split(",")[0] or compose(0)


@torch.inference_mode()
def _examples(photos: Photos, chosen: Preset, rows: dict[str, int]) -> dict[Size, Examples]:
    autoencoder = load_autoencoder(chosen)
    examples = {}
    for size, pictures in photos.pictures.items():
        sides = []
        for mirrored in (pictures, pictures[:, :, ::-1]):
            chunks = [np.ascontiguousarray(mirrored[start : start + 16]) for start in range(0, len(mirrored), 16)]
            pixels = (torch.from_numpy(chunk).permute(0, 3, 1, 2).float() / 127.5 - 1 for chunk in chunks)
            with torch.autocast("cpu", torch.bfloat16):
                sides.append(torch.cat([pack(encode(autoencoder, part)).float() for part in pixels]))
        whole = [rows[caption] for caption in photos.captions[size]]
        cut = [rows[_cut(caption)] for caption in photos.captions[size]]
        examples[size] = Examples(torch.stack(sides), torch.tensor([whole, cut]))
    return examples


def _loss(network: FluxTransformer2DModel, examples: dict[Size, Examples], text: TextFeatures) -> Loss:
    sizes = sorted(examples)
    share = np.array([examples[size].tokens.shape[1] for size in sizes], float)
    share /= share.sum()

    def loss(_: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        size = sizes[rng.choice(len(sizes), p=share)]
        part = examples[size]
        chosen = torch.from_numpy(rng.integers(part.tokens.shape[1], size=BATCH))
        clean = part.tokens[torch.from_numpy(rng.integers(2, size=BATCH)), chosen]
        captions = part.captions[torch.from_numpy((rng.random(BATCH) < COUNT_ONLY).astype(np.int64)), chosen]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        t = sample_times(BATCH, shift_of(clean.shape[1]), generator)
        noise = torch.randn(clean.shape, generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = velocity(network, noised(clean, noise, t), t, text.rows(captions), size)
        return {"loss": flow_loss(predicted.float(), clean, noise).mean()}

    return loss


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
