"""Pictures of given people: requests batched by size, Euler steps from noise to picture. The product's only sampler."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from model.adapter.checkpoint import load_adapter, read_description
from model.adapter.inject import Condition, People, Weights, autocast_apart, conditions, injected
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import ARC, SIG
from model.dataset.buckets import Size
from model.denoiser import TextFeatures, velocity
from model.device import check_device
from model.errors import UserError
from model.latents import CELL, decode, encode, pack, rgb, unpack
from model.layout import layout
from model.losses.flow import euler, sampling_times, shift_of
from model.presets import Preset, load_autoencoder, load_backbone, load_text, load_tower, precision, preset
from model.steady import steady

if TYPE_CHECKING:
    from model.siglip import VisionTower

BATCH = 16
Times = Callable[[int, int], Tensor]  # number of steps and of image tokens to the times, from 1 down to 0
OnStep = Callable[[int, int], None]  # the number of a step that is done, from 1, and of all steps


@dataclass(frozen=True)
class Request:
    """One picture to make: raw embeddings [N, d] of N people, each in the box (xyxy, pixels) [N, 4] of the same row.

    `seed` seeds the noise, unless there is a generator (of the CPU) for it. `patches` [N, P, f] are those of the vision
    tower, for adapters with a SigLIP branch; without them that branch is silent. `shown` [H, W, 3] is the photo, its
    faces blurred, that a preset which edits is shown.
    """

    prompt: str
    embeddings: NDArray[np.float32]
    boxes: NDArray[np.float32]
    width: int
    height: int
    seed: int
    patches: NDArray[np.float32] | None = None
    shown: NDArray[np.uint8] | None = None
    generator: torch.Generator | None = None


def flux_times(steps: int, tokens: int) -> Tensor:
    """The `steps + 1` times of FLUX's schedule, shifted as its number of image tokens asks."""
    return sampling_times(steps, shift_of(tokens))


@dataclass(frozen=True)
class Way:
    """How pictures are sampled: steps, how strongly the branches act, what a distilled backbone is told, the times."""

    steps: int
    weights: Weights
    guidance: float | None
    times: Times
    on_step: OnStep | None


class Sampler:
    """A frozen backbone with an identity adapter, ready to make pictures; `preset` says of which sizes."""

    def __init__(
        self,
        preset: Preset,
        backbone: FluxTransformer2DModel,
        autoencoder: AutoencoderKL,
        encode_text: Callable[[Sequence[str]], tuple[Tensor, Tensor]],
        adapter: IdentityAdapter,
        device: torch.device | str | None = None,
        autocast: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """All networks are on `device`; without it, on that of the backbone's weights.

        Adapter and backbone run under `autocast` as they do in a training step (adapter.inject.autocast_apart).
        UserError for an adapter that is cut to another backbone.
        """
        blocks = len(backbone.transformer_blocks) + len(backbone.single_transformer_blocks)
        sizes, hidden = adapter.sizes, backbone.inner_dim
        if (sizes.blocks, sizes.hidden) != (blocks, hidden):
            raise UserError(
                f"adapter: it is for a backbone of {sizes.blocks} blocks of width {sizes.hidden}, this one has "
                f"{blocks} of {hidden}; give the adapter of this backbone."
            )
        self.preset, self.backbone, self.autoencoder = preset, backbone.eval(), autoencoder.eval()
        self.encode_text, self.adapter = encode_text, adapter.eval()
        self.autocast = autocast
        self.device = torch.device(device) if device else next(backbone.parameters()).device
        networks = (backbone, adapter) if self.device.type == "cpu" else ()  # a GPU would be slower by it
        self._steady = [m for network in networks for m in network.modules() if isinstance(m, nn.Linear)]

    @classmethod
    def load(cls, model: Path, device: str = "cpu") -> Self:
        """The sampler of a model folder; UserError where it is none or of an unknown preset."""
        check_device(device)
        chosen = preset(read_description(model)["preset"])
        adapter = load_adapter(model, precision(chosen)).to(device)
        backbone, autoencoder = load_backbone(chosen).to(device), load_autoencoder(chosen).to(device)
        return cls(chosen, backbone, autoencoder, load_text(chosen, device).encode, adapter, device)

    def with_model(self, model: Path) -> Self:
        """The sampler of another model folder of the same preset; it shares the frozen networks with this one."""
        adapter = load_adapter(model, precision(self.preset)).to(self.device)
        return type(self)(self.preset, self.backbone, self.autoencoder, self.encode_text, adapter, self.device)

    def tower(self) -> "VisionTower | None":
        """What sees the faces of references for the adapter's SigLIP branch; None for an adapter without one."""
        return load_tower(self.preset.with_branches(self.adapter.sizes.branches), str(self.device))

    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        """Boxes [n, 4] in pixels for n people, with the width and height of the picture they are for."""
        size = self.preset.bucket(n)
        return layout(n, size), *size

    @torch.inference_mode()
    def __call__(
        self,
        requests: Sequence[Request],
        *,
        steps: int | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
        guidance: float | None = None,
        times: Times = flux_times,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        """One RGB picture for each request, in their order.

        Each request draws its noise from its own seed, and what else is in the call changes a picture by rounding only:
        on a CPU not at all, where the boxes of all are the same.
        `id_weight` and `siglip_weight` scale what the adapter's branches add; 0 and 0 is the backbone alone. `steps`
        and `guidance` (for backbones distilled with it) are the preset's where they are not given. `times` are those of
        the steps. `on_step` is told of each step its number and how many there are; what it raises ends the call.
        UserError names a request that cannot be met.
        """
        for number, request in enumerate(requests):
            _check(request, number, self.adapter.sizes.embedding)
            self._check_branches(request, number)
        told = self.preset.guidance if guidance is None else guidance
        way = Way(
            steps or self.preset.steps,
            Weights(id_weight, siglip_weight),
            told if self.backbone.config["guidance_embeds"] else None,
            times,
            on_step,
        )
        pictures: dict[int, Image.Image] = {}
        for size, numbers in _batches(requests):
            with steady(self._steady):
                made = self._sample([requests[n] for n in numbers], size, way)
            pictures |= zip(numbers, made, strict=True)
        return [pictures[number] for number in range(len(requests))]

    def _sample(self, requests: Sequence[Request], size: Size, way: Way) -> list[Image.Image]:
        text = TextFeatures(*(t.to(self.device) for t in self.encode_text([r.prompt for r in requests])))
        shown = self._shown(requests)
        noise = torch.stack([self._noise(r, size) for r in requests]).to(self.device)
        times = way.times(way.steps, noise.shape[1]).to(self.device)
        x_t = noise
        with self.autocast():
            people = self._people(requests, size, way.weights)
            added, alone = autocast_apart(people, self.backbone.dtype, self.device)

            def predicted(x_t: Tensor, t: Tensor) -> Tensor:
                with injected(self.backbone, added), alone:
                    return velocity(self.backbone, x_t, t.expand(len(x_t)), text, size, way.guidance, shown)

            for number, following in enumerate(euler(predicted, noise, times), 1):
                x_t = following
                if way.on_step is not None:
                    way.on_step(number, way.steps)
        return [self._picture(latent) for latent in unpack(x_t, *size).split(1)]

    def _picture(self, latent: Tensor) -> Image.Image:
        """The picture of a latent [1, C, h, w], decoded alone: that takes less memory than a batch, and as long."""
        pixels = decode(self.autoencoder, latent)
        if not bool(pixels.isfinite().all()):
            raise UserError("the picture came out with values that are no numbers; give smaller weights or guidance.")
        return Image.fromarray(rgb(pixels)[0])

    def _people(self, requests: Sequence[Request], size: Size, weights: Weights) -> list[Condition]:
        """What the adapter adds to a batch: its keys and values are computed here, once for all steps."""
        embeddings = _padded([r.embeddings for r in requests]).to(self.device)
        boxes = _padded([r.boxes for r in requests]).to(self.device)
        patches = [r.patches for r in requests if r.patches is not None]
        people = People(embeddings, boxes, _padded(patches).to(self.device) if patches else None)
        return conditions(self.adapter, people, size, weights if patches else weights._replace(siglip=0))

    def _shown(self, requests: Sequence[Request]) -> Tensor | None:
        """The clean tokens [B, L, 4C] of the photos that are to be edited."""
        photos = [r.shown for r in requests if r.shown is not None]
        if not photos:
            return None
        pixels = torch.from_numpy(np.stack(photos)).to(self.device).permute(0, 3, 1, 2) / 127.5 - 1
        return pack(torch.cat([encode(self.autoencoder, one) for one in pixels.split(1)]))

    def _check_branches(self, request: Request, number: int) -> None:
        sizes, where = self.adapter.sizes, f"request {number}"
        if request.patches is not None:
            wanted = (len(request.boxes), sizes.patches, sizes.features)
            if SIG not in sizes.branches or request.patches.shape != wanted:
                found = request.patches.shape
                raise UserError(
                    f"{where}: patches have the shape {found}, not {wanted}; give those of the preset's vision tower."
                )
        elif ARC not in sizes.branches:
            raise UserError(f"{where}: patches are missing; the adapter has no branch but SigLIP's, which reads them.")
        if self.preset.edits and request.shown is None:
            raise UserError(f"{where}: no photo is given; the preset {self.preset.name} edits one.")
        size = (request.height, request.width, 3)
        if request.shown is not None and request.shown.shape != size:
            raise UserError(f"{where}: the photo has the shape {request.shown.shape}, not {size}; resize it first.")

    def _noise(self, request: Request, size: Size) -> Tensor:
        """Noise tokens [L, 4C] of a request, drawn on the CPU so that every device gets the same."""
        tokens = (size[0] // CELL) * (size[1] // CELL)
        channels = self.backbone.config["in_channels"]
        generator = request.generator or torch.Generator().manual_seed(request.seed)
        return torch.randn(tokens, channels, generator=generator)


def _batches(requests: Sequence[Request]) -> Iterator[tuple[Size, list[int]]]:
    """The numbers of the requests, those of one size and kind together, in groups that fit into memory."""
    alike: dict[tuple[Size, bool, bool], list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        size = (request.width, request.height)
        alike[size, request.patches is not None, request.shown is not None].append(number)
    for (size, _, _), numbers in alike.items():
        for start in range(0, len(numbers), BATCH):
            yield size, numbers[start : start + BATCH]


def _padded(rows: Sequence[NDArray[np.float32]]) -> Tensor:
    """Arrays [n_i, ...] stacked to [B, max n, ...], zeros where a picture has fewer people: empty boxes nobody sees."""
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
    check_boxes(request.boxes, (request.width, request.height), where)


def check_boxes(boxes: NDArray[np.float32], size: Size, where: str) -> None:
    """Raise UserError for the first of the boxes [N, 4] that holds nothing of a picture of `size` (width, height)."""
    edges = np.clip(boxes.reshape(-1, 2, 2), 0, size)
    for person in np.flatnonzero((edges[:, 1] <= edges[:, 0]).any(1)):
        box = ", ".join(f"{value:g}" for value in boxes[person])
        raise UserError(
            f"{where}: box {person} ({box}) holds nothing of the picture of {size[0]} x {size[1]} pixels; give x1, y1, "
            "x2, y2 within it."
        )
