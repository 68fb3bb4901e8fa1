"""Pictures of given people: a model folder loaded, requests batched by size, Euler steps from noise to picture."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.adapter.checkpoint import load_adapter, read_description
from model.adapter.inject import Condition, condition, injected
from model.adapter.network import IdentityAdapter
from model.adapter.regions import token_regions
from model.denoiser import Size, TextFeatures, velocity
from model.errors import UserError
from model.latents import CELL, decode, unpack
from model.layout import layout
from model.losses.flow import sampling_times, shift_of
from model.presets import Preset, load_autoencoder, load_backbone, preset
from model.text import TextEncoder

BATCH = 16


@dataclass(frozen=True)
class Request:
    """One picture to make: raw embeddings [N, d] of N people, each in the box (xyxy, pixels) [N, 4] of the same row."""

    prompt: str
    embeddings: NDArray[np.float32]
    boxes: NDArray[np.float32]
    width: int
    height: int
    seed: int


class WithAnyonePipeline:
    """A frozen backbone with an identity adapter, ready to make pictures; `preset` says of which sizes."""

    def __init__(
        self,
        preset: Preset,
        backbone: FluxTransformer2DModel,
        autoencoder: AutoencoderKL,
        text: TextEncoder,
        adapter: IdentityAdapter,
    ) -> None:
        self.preset, self.backbone, self.autoencoder = preset, backbone.eval(), autoencoder.eval()
        self.text, self.adapter = text, adapter.eval()
        self.device = next(backbone.parameters()).device

    @classmethod
    def load(cls, model: Path, device: str = "cpu") -> Self:
        """The pipeline of a model folder; UserError where it is none or of an unknown preset."""
        chosen = preset(read_description(model)["preset"])
        adapter = load_adapter(model).to(device)
        backbone, autoencoder = load_backbone(chosen).to(device), load_autoencoder(chosen).to(device)
        text = TextEncoder.load(chosen.text_tokens, device)
        return cls(chosen, backbone, autoencoder, text, adapter)

    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        """Boxes [n, 4] in pixels for n people, with the width and height of the picture they are for."""
        size = self.preset.bucket(n)
        return layout(n, size), *size

    @torch.inference_mode()
    def __call__(
        self, requests: Sequence[Request], *, steps: int | None = None, id_weight: float = 1.0
    ) -> list[Image.Image]:
        """One RGB picture for each request, in their order.

        Each request draws its noise from its own seed, so what else is in the call changes a picture by rounding only.
        `id_weight` scales what the adapter adds; 0 is the backbone alone. UserError names a request that cannot be met.
        """
        for number, request in enumerate(requests):
            _check(request, number, self.adapter.sizes.embedding)
        pictures: dict[int, Image.Image] = {}
        for size, numbers in _batches(requests):
            made = self._sample([requests[n] for n in numbers], size, steps or self.preset.steps, id_weight)
            pictures |= zip(numbers, made, strict=True)
        return [pictures[number] for number in range(len(requests))]

    def _sample(self, requests: Sequence[Request], size: Size, steps: int, id_weight: float) -> list[Image.Image]:
        text = TextFeatures(*(t.to(self.device) for t in self.text.encode([r.prompt for r in requests])))
        embeddings, boxes = (_padded(rows).to(self.device) for rows in _people(requests))
        regions = token_regions(boxes, *size, self.adapter.sizes.tokens)
        x_t = torch.stack([self._noise(r.seed, size) for r in requests]).to(self.device)
        times = sampling_times(steps, shift_of(x_t.shape[1]))
        people = condition(self.adapter, embeddings, regions, id_weight)
        for t, following in pairwise(times):
            x_t = x_t + (following - t) * self._velocity(x_t, t.to(self.device), text, size, people)
        pixels = decode(self.autoencoder, unpack(x_t, *size))
        bytes_ = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to("cpu", torch.uint8).permute(0, 2, 3, 1)
        return [Image.fromarray(picture) for picture in bytes_.numpy()]

    def _velocity(self, x_t: Tensor, t: Tensor, text: TextFeatures, size: Size, people: Condition) -> Tensor:
        """The velocity with the people, moved away from the one without them as far as the preset's guidance says.

        Classifier-free guidance (Ho and Salimans 2022) over identity: v0 + g (v - v0), where v0 has the adapter off.
        """
        times, g = t.expand(len(x_t)), self.preset.identity_guidance
        with injected(self.backbone, [people]):
            with_people = velocity(self.backbone, x_t, times, text, size, self.preset.guidance)
        if g == 1 or people.weight == 0:
            return with_people
        without = velocity(self.backbone, x_t, times, text, size, self.preset.guidance)
        return without + g * (with_people - without)

    def _noise(self, seed: int, size: Size) -> Tensor:
        """Noise tokens [L, 4C] of a request, drawn on the CPU so that every device gets the same."""
        tokens = (size[0] // CELL) * (size[1] // CELL)
        channels = self.backbone.config["in_channels"]
        return torch.randn(tokens, channels, generator=torch.Generator().manual_seed(seed))


def _batches(requests: Sequence[Request]) -> Iterator[tuple[Size, list[int]]]:
    """The numbers of the requests, by size and in groups that fit into memory."""
    by_size: dict[Size, list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        by_size[request.width, request.height].append(number)
    for size, numbers in by_size.items():
        for start in range(0, len(numbers), BATCH):
            yield size, numbers[start : start + BATCH]


def _people(requests: Sequence[Request]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    return [r.embeddings for r in requests], [r.boxes for r in requests]


def _padded(rows: Sequence[NDArray[np.float32]]) -> Tensor:
    """Arrays [n_i, k] stacked to [B, max n, k], zeros where a picture has fewer people: empty boxes nobody sees."""
    tensors = [torch.as_tensor(np.asarray(row), dtype=torch.float32) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)


def _check(request: Request, number: int, dim: int) -> None:
    where = f"request {number}"
    if request.width % CELL or request.height % CELL or min(request.width, request.height) < CELL:
        size = f"{request.width} x {request.height}"
        raise UserError(
            f"{where}: the size {size} is not a multiple of {CELL} pixels; choose one of the preset's sizes."
        )
    if request.boxes.ndim != 2 or request.boxes.shape[1:] != (4,) or len(request.boxes) < 1:
        raise UserError(f"{where}: boxes have the shape {request.boxes.shape}, not [people, 4]; give one box a person.")
    if request.embeddings.shape != (len(request.boxes), dim):
        wanted = (len(request.boxes), dim)
        raise UserError(f"{where}: embeddings have the shape {request.embeddings.shape}, not {wanted}; one row a box.")
    if not (np.isfinite(request.embeddings).all() and np.isfinite(request.boxes).all()):
        raise UserError(f"{where}: embeddings or boxes hold a value that is no number; measure the reference again.")
