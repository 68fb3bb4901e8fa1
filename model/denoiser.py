"""One call of the backbone: the velocity that a FLUX transformer predicts for packed latents."""

from typing import NamedTuple

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import Tensor

from model.latents import positions

Size = tuple[int, int]


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
) -> Tensor:
    """The predicted velocity [B, L, 4C] of noised tokens x_t [B, L, 4C] at times t [B] in [0, 1].

    `size` is (width, height) in pixels. Text tokens all stand at position zero, image tokens at their row and column.
    `guidance` is for backbones distilled with it, and None for others.
    """
    predicted: Tensor = backbone(
        hidden_states=x_t,
        encoder_hidden_states=text.tokens,
        pooled_projections=text.pooled,
        timestep=t,
        guidance=None if guidance is None else torch.full_like(t, guidance),
        img_ids=positions(*size, device=x_t.device),
        txt_ids=torch.zeros(text.tokens.shape[1], 3, device=x_t.device),
        return_dict=False,
    )[0]
    return predicted
