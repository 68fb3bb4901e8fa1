"""Presets: one function a system size, and how its frozen parts are loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from model.artefacts import file_digest, folder_digest
from model.errors import UserError
from model.parts import BASE, FLUX_KONTEXT, Parts, pack_folder, read_network
from model.weights import weight

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel

    from model.faces.analyser import Analyser
    from model.faces.recogniser import Recogniser
    from model.flux_text import FluxText
    from model.siglip import VisionTower
    from model.text import TextEncoder

ASSETS = Path(__file__).with_name("assets")
FLUX_LICENCE = "FLUX.1 [dev] Non-Commercial License"


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

    `buckets` are (width, height) in pixels, by the number of people, multiples of 16; `tall` are further sizes of
    photos to train on. `guidance` is told to backbones that were distilled with it. `parts` say where its frozen parts
    lie, None for those that ship with the project; they are read as `dtype`. A preset that `edits` is shown a photo
    with its faces blurred. `licences` are those of parts that do not ship with the project, as rows of
    `model.weights.licences`.
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
    parts: Parts | None = None
    dtype: str = "float32"
    edits: bool = False
    licences: tuple[dict[str, str], ...] = ()
    tall: tuple[tuple[int, int], ...] = ()

    @property
    def hidden(self) -> int:
        """Width of the backbone."""
        return int(self.backbone["num_attention_heads"] * self.backbone["attention_head_dim"])

    @property
    def blocks(self) -> int:
        """Number of backbone blocks, double and single."""
        return int(self.backbone["num_layers"] + self.backbone["num_single_layers"])

    def with_branches(self, branches: Sequence[str]) -> Self:
        """The preset with some of its adapter's branches alone, or all for none; UserError for one it does not have."""
        own = self.adapter.branches
        missing = sorted(set(branches) - set(own))
        if missing:
            raise UserError(
                f"branches: the preset {self.name} has no branch '{missing[0]}'; choose from {', '.join(own)}."
            )
        chosen = tuple(branch for branch in own if branch in branches) or own
        return replace(self, adapter=replace(self.adapter, branches=chosen))

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
    )


def flux_dev(parts: Parts | None = None) -> Preset:
    """FLUX.1-dev with both branches of the released adapter; antelopev2, SigLIP base at 256 px, pictures of 512 px.

    Nothing of it is shipped: `parts` say where it lies, by default what the environment of this machine says.
    """
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
        tall=((512, 768),),
        text_tokens=512,
        steps=25,
        guidance=4.0,
        parts=parts or Parts.here(),
        dtype="bfloat16",
        licences=(
            {"name": "FLUX.1-dev", "licence": FLUX_LICENCE, "use": "research"},
            {"name": "antelopev2", "licence": "insightface's models: non-commercial research", "use": "research"},
            {"name": "SigLIP", "licence": "Apache-2.0", "use": "any"},
        ),
    )


def flux_kontext(parts: Parts | None = None) -> Preset:
    """FLUX.1 Kontext for editing faces: shown the photo with its faces blurred, with the ArcFace branch only."""
    dev = flux_dev(parts or Parts.here(FLUX_KONTEXT))
    return replace(
        dev,
        name="flux-kontext",
        adapter=replace(dev.adapter, branches=("arc",), features=0, patches=0),
        buckets=((512, 512),),
        tall=(),
        edits=True,
        licences=({"name": "FLUX.1-Kontext-dev", "licence": FLUX_LICENCE, "use": "research"}, *dev.licences[1:]),
    )


PRESETS: dict[str, Callable[[], Preset]] = {"nano": nano, "flux-dev": flux_dev, "flux-kontext": flux_kontext}


def preset(name: str) -> Preset:
    """The preset of that name; UserError for another."""
    if str(name) not in PRESETS:
        raise UserError(f"preset '{name}' is not known; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]()


def load_autoencoder(chosen: Preset) -> "AutoencoderKL":
    """The frozen autoencoder of a preset, in evaluation mode and the preset's precision."""
    from diffusers import AutoencoderKL
    from safetensors import safe_open
    from safetensors.torch import load_file

    if chosen.parts:
        return _frozen(read_network(AutoencoderKL, chosen.parts.base, "vae", dtype=precision(chosen)))
    model = AutoencoderKL(**chosen.autoencoder)
    model.load_state_dict({name: value.float() for name, value in load_file(shipped(chosen, "autoencoder")).items()})
    with safe_open(shipped(chosen, "autoencoder"), "pt") as file:
        notes = file.metadata()  # which bring latents to mean 0 and deviation 1
    model.register_to_config(shift_factor=float(notes["shift"]), scaling_factor=float(notes["scale"]))
    return _frozen(model)


def load_backbone(chosen: Preset) -> "FluxTransformer2DModel":
    """The frozen backbone of a preset, in evaluation mode and the preset's precision.

    UserError for a checkpoint whose shape is not the preset's, because the adapter is cut to it.
    """
    from diffusers import FluxTransformer2DModel
    from safetensors.torch import load_file

    if chosen.parts:
        model = read_network(FluxTransformer2DModel, chosen.parts.base, "transformer", dtype=precision(chosen))
        _check_shape(model.config, chosen, chosen.parts.base)
        return _frozen(model)
    model = FluxTransformer2DModel(**chosen.backbone)
    model.load_state_dict({name: value.float() for name, value in load_file(shipped(chosen, "backbone")).items()})
    return _frozen(model)


def load_text(chosen: Preset, device: str = "cpu") -> "TextEncoder | FluxText":
    """What reads prompts for a preset's backbone."""
    if chosen.parts:
        from model.flux_text import FluxText

        return FluxText.load(chosen.parts.base, chosen.text_tokens, precision(chosen), device)
    from model.text import TextEncoder

    return TextEncoder.load(chosen.text_tokens, device)


def load_tower(chosen: Preset, device: str = "cpu") -> "VisionTower | None":
    """The vision tower of a preset's SigLIP branch; None for a preset that has none."""
    if not chosen.parts or "sig" not in chosen.adapter.branches:
        return None
    from model.siglip import VisionTower

    return VisionTower.load(chosen.parts.siglip, precision(chosen), device)


def load_faces(chosen: Preset, device: str = "cpu") -> "Analyser":
    """What finds faces and embeds them as the preset's adapter reads them."""
    from model.faces.analyser import load_analyser

    if chosen.parts:
        return load_analyser(pack=pack_folder(chosen.parts.pack))
    return load_analyser(chosen.recogniser, device=device)


def load_judge(chosen: Preset, device: str = "cpu") -> "Recogniser":
    """The preset's recogniser as the identity losses need it: differentiable, on aligned crops."""
    if chosen.parts:
        from model.faces.pack_recogniser import load_pack_recogniser

        return load_pack_recogniser(pack_folder(chosen.parts.pack), device)
    from model.faces.recogniser import load_recogniser

    return load_recogniser(chosen.recogniser, device)


def frozen_digest(chosen: Preset) -> str:
    """Names the frozen parts of a preset, in hex: what was computed with others is not taken up again."""
    return chosen.parts.digest if chosen.parts else folder_digest(ASSETS / chosen.name)


def text_name(chosen: Preset) -> str:
    """Names what reads prompts for a preset, with its settings."""
    digest = frozen_digest(chosen) if chosen.parts else file_digest(weight("minilm"))
    return f"{chosen.name} {chosen.text_tokens} {digest}"


def precision(chosen: Preset) -> "torch.dtype":
    """The torch type of a preset's frozen parts."""
    import torch

    found: torch.dtype = getattr(torch, chosen.dtype)
    return found


def _frozen(model: Any) -> Any:
    return model.eval().requires_grad_(False)


def _check_shape(config: Any, chosen: Preset, where: str) -> None:
    for field in ("num_layers", "num_single_layers", "num_attention_heads", "attention_head_dim"):
        if config[field] != chosen.backbone[field]:
            raise UserError(
                f"backbone '{where}': {field} is {config[field]}, the preset {chosen.name} needs "
                f"{chosen.backbone[field]}; set {BASE} to a model of that shape."
            )


def shipped(chosen: Preset, part: str) -> Path:
    """Path of a part that ships with a preset; UserError when this preset ships none."""
    path = ASSETS / chosen.name / f"{part}.safetensors"
    if not path.exists():
        raise UserError(f"preset '{chosen.name}' ships no {part}: {path} is missing; install the project again")
    return path
