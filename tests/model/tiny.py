"""Networks of the real classes, small and randomly initialised with a fixed seed, for quick tests."""

from dataclasses import replace

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor, nn
from transformers import SiglipVisionConfig, SiglipVisionModel

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.siglip import VisionTower

LATENT = 4
SIZES = AdapterSizes(embedding=12, hidden=32, blocks=3, tokens=2, heads=2, head_dim=8)
BOTH = replace(SIZES, branches=("arc", "sig"), features=6, patches=4)


def tiny_backbone(seed: int = 0) -> FluxTransformer2DModel:
    """One double and two single blocks, 32 wide, that read text of 6 channels."""
    torch.manual_seed(seed)
    network = FluxTransformer2DModel(
        in_channels=4 * LATENT,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=6,
        pooled_projection_dim=5,
        axes_dims_rope=(4, 6, 6),
    )
    return network.eval().requires_grad_(False)


def tiny_autoencoder(seed: int = 0) -> AutoencoderKL:
    """Factor 8 and 4 latent channels, with a shift."""
    torch.manual_seed(seed)
    network = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        latent_channels=LATENT,
        norm_num_groups=2,
        layers_per_block=1,
        shift_factor=0.1,
        scaling_factor=0.8,
        mid_block_add_attention=False,
    )
    return network.eval().requires_grad_(False)


def tiny_adapter(seed: int = 0, *, trained: bool = True, sizes: AdapterSizes = SIZES) -> IdentityAdapter:
    """An adapter for `tiny_backbone`; a trained one has random instead of zero output layers."""
    torch.manual_seed(seed)
    adapter = IdentityAdapter(sizes)
    if trained:
        for attention in (one for branch in sizes.branches for one in adapter.attentions(branch)):
            nn.init.normal_(attention.to_out.weight, std=0.3)
    return adapter


def tiny_tower(seed: int = 0) -> VisionTower:
    """What sees face crops of 16 pixels as 4 patches of 6 features."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": BOTH.features, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return VisionTower(SiglipVisionModel(SiglipVisionConfig(image_size=16, patch_size=8, **sizes)).eval())


class TinyRecogniser(nn.Module):
    """Aligned crops [B, 3, 112, 112] to embeddings [B, 12], by one smooth random layer over coarse pixels."""

    def __init__(self, dim: int = SIZES.embedding) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Linear(3 * 64, dim).requires_grad_(False)

    def forward(self, crops: Tensor) -> Tensor:
        embeddings: Tensor = self.layer(nn.functional.avg_pool2d(crops, 14).flatten(1))
        return embeddings.sin()
