"""What the frozen networks say of the training set, computed once: latents, ground-truth faces, text."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.artefacts import new_file
from model.captions import compose
from model.dataset.dataset import Dataset
from model.denoiser import Size, TextFeatures
from model.latents import encode, pack
from model.losses.decode import Recognise, face_embeddings
from model.progress import track
from model.training.data import Target, TrainingSet

EncodeText = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
CHUNK = 16


@dataclass(frozen=True)
class Features:
    """Of each target its latent tokens [L, 4C] and ground-truth faces [n, d] (embeddings); of each prompt its text."""

    latents: tuple[Tensor, ...]
    truths: tuple[Tensor, ...]
    prompts: dict[str, int]
    text: TextFeatures

    def text_of(self, prompts: Sequence[str]) -> TextFeatures:
        """The text features of some of the prompts."""
        return self.text.rows(torch.tensor([self.prompts[prompt] for prompt in prompts]))


@torch.no_grad()
def compute_features(
    dataset: Dataset,
    data: TrainingSet,
    autoencoder: AutoencoderKL,
    recognise: Recognise,
    encode_text: EncodeText,
    file: Path,
) -> Features:
    """The features of a training set, read from `file` when an earlier start of the same job left them there.

    `file` belongs to one dataset and one set of frozen networks: its folder's name has to be a digest of both.
    """
    prompts = sorted({target.caption for target in data.targets} | {compose(len(t.faces)) for t in data.targets})
    if file.is_file():
        return _features(load_file(file), data, prompts)
    tensors: dict[str, Tensor] = {}
    for chunk in track(_by_size(data.targets), "encoding photos", unit="batches"):
        targets = [data.targets[number] for number in chunk]
        pixels = torch.cat([_pixels(dataset, target) for target in targets])
        landmarks = torch.cat([torch.from_numpy(target.landmarks) for target in targets])
        of_picture = torch.tensor([row for row, target in enumerate(targets) for _ in target.faces])
        truths = face_embeddings(recognise, pixels, landmarks, of_picture)
        of_target = truths.split([len(target.faces) for target in targets])
        for number, latents, faces in zip(chunk, pack(encode(autoencoder, pixels)), of_target, strict=True):
            tensors[f"latents.{number}"], tensors[f"truths.{number}"] = latents.clone(), faces.clone()
    parts = [encode_text(chunk) for chunk in _chunks(prompts)]
    tensors["text.tokens"], tensors["text.pooled"] = (torch.cat(kind) for kind in zip(*parts, strict=True))
    with new_file(file) as draft:
        save_file(tensors, draft)
    return _features(tensors, data, prompts)


def digest_of(*parts: object) -> str:
    """A digest that names a combination of inputs, 32 hex digits."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def _features(tensors: dict[str, Tensor], data: TrainingSet, prompts: Sequence[str]) -> Features:
    count = range(len(data.targets))
    return Features(
        latents=tuple(tensors[f"latents.{n}"] for n in count),
        truths=tuple(tensors[f"truths.{n}"] for n in count),
        prompts={prompt: row for row, prompt in enumerate(prompts)},
        text=TextFeatures(tensors["text.tokens"], tensors["text.pooled"]),
    )


def _pixels(dataset: Dataset, target: Target) -> Tensor:
    """The cut picture [1, 3, H, W] in [-1, 1]."""
    image = target.placement.image(dataset.image(target.image_id))
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def _by_size(targets: Sequence[Target]) -> list[list[int]]:
    """The targets' numbers in batches of one picture size."""
    sizes: dict[Size, list[int]] = {}
    for number, target in enumerate(targets):
        sizes.setdefault(target.size, []).append(number)
    return [row[start : start + CHUNK] for row in sizes.values() for start in range(0, len(row), CHUNK)]


def _chunks(prompts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK))
