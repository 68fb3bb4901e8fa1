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
from model.denoiser import TextFeatures
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
    for number, target in track(enumerate(data.targets), "encoding photos", total=len(data.targets), unit="photos"):
        pixels = _pixels(dataset, target)
        tensors[f"latents.{number}"] = pack(encode(autoencoder, pixels))[0].contiguous()
        of_picture = torch.zeros(len(target.faces), dtype=torch.long)
        tensors[f"truths.{number}"] = face_embeddings(recognise, pixels, torch.from_numpy(target.landmarks), of_picture)
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


def _chunks(prompts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK))
