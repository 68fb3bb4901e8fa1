"""One call of the backbone: the velocity that a FLUX transformer predicts for packed latents."""

from typing import NamedTuple

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor

from model.dataset.buckets import Size
from model.latents import positions


class TextFeatures(NamedTuple):
    """What the text encoder says of B prompts: token states [B, T, d] and one vector each [B, p]."""

    tokens: Tensor
    pooled: Tensor

    def rows(self, index: Tensor) -> "TextFeatures":
        """The features of some of the prompts."""
        return TextFeatures(self.tokens[index], self.pooled[index])


def velocity(
    backbone: FluxTransformer2DModel,
    x_t: Tensor,
    t: Tensor,
    text: TextFeatures,
    size: Size,
    guidance: float | None = None,
    shown: Tensor | None = None,
) -> Tensor:
    """The predicted velocity [B, L, 4C] of noised tokens x_t [B, L, 4C] at times t [B] in [0, 1].

    `size` is (width, height) in pixels. Text tokens all stand at position zero, image tokens at their row and column.
    `guidance` is for backbones distilled with it, and None for others. `shown` [B, L, 4C] are the clean tokens of a
    photo of the same size that is to be edited: they follow the image tokens, as a picture of their own. Whatever the
    backbone's precision, the velocity is in that of x_t.
    """
    kind, where = backbone.dtype, positions(*size, device=x_t.device)
    tokens = x_t
    if shown is not None:
        tokens = torch.cat([x_t, shown.to(x_t.dtype)], dim=1)
        where = torch.cat([where, positions(*size, device=x_t.device, picture=1)])
    predicted: Tensor = backbone(
        hidden_states=tokens.to(kind),
        encoder_hidden_states=text.tokens.to(kind),
        pooled_projections=text.pooled.to(kind),
        timestep=t,
        guidance=None if guidance is None else torch.full_like(t, guidance),
        img_ids=where,
        txt_ids=torch.zeros(text.tokens.shape[1], 3, device=x_t.device),
        return_dict=False,
    )[0]
    return predicted[:, : x_t.shape[1]].to(x_t.dtype)
