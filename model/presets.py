"""Presets: one function a system size, and how its frozen parts are loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import UserError

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, FluxTransformer2DModel

ASSETS = Path(__file__).with_name("assets")
TOKEN_PIXELS = 16  # a token is a 2 x 2 block of latents, a latent 8 x 8 pixels


@dataclass(frozen=True)
class AdapterSize:
    """Sizes of the identity adapter: tokens of a person's embedding, attention heads and their width.

    `branches` are 'arc' (the embedding), 'sig' (patches of the face crop, and an embedding of its own) or both; 'sig'
    reads `patches` vectors of `features` values from the vision tower.
    """

    tokens: int
    heads: int
    head_dim: int
    branches: tuple[str, ...] = ("arc",)
    features: int = 0
    patches: int = 0


@dataclass(frozen=True)
class Preset:
    """One size of the system.

    `buckets` are (width, height) in pixels, by the number of people, multiples of 16. `guidance` is told to backbones
    that were distilled with it. `identity_guidance` is by how much sampling exaggerates what the adapter adds, 1 for
    not at all: other values cost a second pass of the backbone and need one that was trained with the adapter off, too.
    """

    name: str
    backbone: dict[str, Any]
    autoencoder: dict[str, Any]
    recogniser: str
    recogniser_dim: int
    adapter: AdapterSize
    buckets: tuple[tuple[int, int], ...]
    text_tokens: int
    steps: int
    guidance: float | None
    identity_guidance: float

    @property
    def hidden(self) -> int:
        """Width of the backbone."""
        return int(self.backbone["num_attention_heads"] * self.backbone["attention_head_dim"])

    @property
    def blocks(self) -> int:
        """Number of backbone blocks, double and single."""
        return int(self.backbone["num_layers"] + self.backbone["num_single_layers"])

    def bucket(self, people: int) -> tuple[int, int]:
        """The (width, height) that suits a picture of that many people."""
        return self.buckets[min(max(people, 1), len(self.buckets)) - 1]


def nano() -> Preset:
    """The whole system on a laptop: every part real and small."""
    return Preset(
        name="nano",
        backbone={
            "patch_size": 1,
            "in_channels": 64,
            "num_layers": 3,
            "num_single_layers": 6,
            "attention_head_dim": 32,
            "num_attention_heads": 6,
            "joint_attention_dim": 384,
            "pooled_projection_dim": 384,
            "guidance_embeds": False,
            "axes_dims_rope": [8, 12, 12],
        },
        autoencoder={
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "block_out_channels": [16, 32, 64, 128],
            "layers_per_block": 1,
            "latent_channels": 16,
            "norm_num_groups": 8,
            "mid_block_add_attention": False,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
        recogniser="facesdk",
        recogniser_dim=128,
        adapter=AdapterSize(tokens=8, heads=6, head_dim=32),
        buckets=((128, 128), (192, 128), (192, 128), (256, 128)),
        text_tokens=16,
        steps=4,
        guidance=None,
        identity_guidance=2.0,
    )


def flux_dev() -> Preset:
    """Sizes of FLUX.1-dev and of the released WithAnyone adapter: both branches, antelopev2, SigLIP base at 256 px."""
    return Preset(
        name="flux-dev",
        backbone={
            "patch_size": 1,
            "in_channels": 64,
            "num_layers": 19,
            "num_single_layers": 38,
            "attention_head_dim": 128,
            "num_attention_heads": 24,
            "joint_attention_dim": 4096,
            "pooled_projection_dim": 768,
            "guidance_embeds": True,
            "axes_dims_rope": [16, 56, 56],
        },
        autoencoder={"latent_channels": 16},
        recogniser="antelopev2",
        recogniser_dim=512,
        adapter=AdapterSize(tokens=8, heads=24, head_dim=64, branches=("arc", "sig"), features=768, patches=256),
        buckets=((512, 512), (768, 512), (768, 512), (1024, 512)),
        text_tokens=512,
        steps=25,
        guidance=4.0,
        identity_guidance=1.0,
    )


PRESETS = {"nano": nano}  # the presets that can be loaded


def preset(name: str) -> Preset:
    """The preset of that name; UserError for another."""
    if name not in PRESETS:
        raise UserError(f"preset '{name}' is not known; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]()


def load_autoencoder(chosen: Preset) -> "AutoencoderKL":
    """The frozen autoencoder that ships with a preset, in float32 and evaluation mode."""
    from diffusers import AutoencoderKL
    from safetensors.torch import load_file

    model = AutoencoderKL(**chosen.autoencoder)
    model.load_state_dict({name: value.float() for name, value in load_file(shipped(chosen, "autoencoder")).items()})
    scale = load_statistics(chosen)
    model.register_to_config(shift_factor=scale["shift"], scaling_factor=scale["scale"])
    return model.eval().requires_grad_(False)


def load_backbone(chosen: Preset) -> "FluxTransformer2DModel":
    """The frozen backbone that ships with a preset, in float32 and evaluation mode."""
    from diffusers import FluxTransformer2DModel
    from safetensors.torch import load_file

    model = FluxTransformer2DModel(**chosen.backbone)
    model.load_state_dict({name: value.float() for name, value in load_file(shipped(chosen, "backbone")).items()})
    return model.eval().requires_grad_(False)


def load_statistics(chosen: Preset) -> dict[str, float]:
    """Shift and scale that bring the autoencoder's latents to mean 0 and deviation 1: (latent - shift) * scale."""
    from safetensors import safe_open

    with safe_open(shipped(chosen, "autoencoder"), "pt") as file:
        notes = file.metadata()
    return {"shift": float(notes["shift"]), "scale": float(notes["scale"])}


def shipped(chosen: Preset, part: str) -> Path:
    """Path of a part that ships with a preset; UserError when this preset ships none."""
    path = ASSETS / chosen.name / f"{part}.safetensors"
    if not path.exists():
        raise UserError(f"preset '{chosen.name}' ships no {part}: {path} is missing; install the project again")
    return path
