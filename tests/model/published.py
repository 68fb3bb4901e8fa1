"""What a published merged adapter file holds: names and shapes written down by hand, independent of the network."""

import torch
from torch import Tensor

from model.adapter.sizes import AdapterSizes

NORMS = ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias")


def published_shapes(sizes: AdapterSizes) -> dict[str, tuple[int, ...]]:
    """Names and shapes of both branches, as the method's sheet lists them."""
    wide, hidden, inner = 4 * sizes.hidden, sizes.hidden, sizes.heads * sizes.head_dim
    shapes: dict[str, tuple[int, ...]] = {}
    for branch in ("arc", "sig"):
        shapes |= mlp(f"arcface_in_{branch}", sizes.embedding, wide, sizes.tokens * hidden)
        for k in range(sizes.blocks):
            block = f"ipa_{branch}.{k}"
            shapes |= {
                f"{block}.{norm}.{kind}": (hidden,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")
            }
            shapes |= {f"{block}.to_q.weight": (inner, hidden), f"{block}.to_kv.weight": (2 * inner, hidden)}
            shapes[f"{block}.to_out.weight"] = (hidden, inner)
    return shapes | mlp("siglip_in_sig", sizes.features, hidden, hidden)


def mlp(name: str, read: int, middle: int, written: int) -> dict[str, tuple[int, ...]]:
    """Linear (0), GELU (1), LayerNorm (2), Linear (3)."""
    return {
        f"{name}.0.weight": (middle, read),
        f"{name}.0.bias": (middle,),
        f"{name}.2.weight": (middle,),
        f"{name}.2.bias": (middle,),
        f"{name}.3.weight": (written, middle),
        f"{name}.3.bias": (written,),
    }


def published_tensors(sizes: AdapterSizes, seed: int = 0) -> dict[str, Tensor]:
    """A synthetic published merged file in bfloat16, with the part that nothing reads."""
    draws = torch.Generator().manual_seed(seed)
    shapes = published_shapes(sizes) | mlp("siglip_in_arc", sizes.features, 4 * sizes.hidden, 8 * sizes.hidden)
    return {name: torch.randn(shape, generator=draws).bfloat16() for name, shape in shapes.items()}
