"""From face embeddings and face crops to the tokens that the backbone's image tokens attend to."""

from typing import cast

from torch import Tensor, nn

from model.adapter.sizes import AdapterSizes


class IdentityTokens(nn.Sequential):
    """Linear, GELU, LayerNorm, Linear: one raw face embedding becomes `sizes.tokens` tokens.

    The layers keep the numbering 0, 2, 3 of the published weights. The embedding is taken raw: its length tells how
    sure the recogniser was, and published weights expect it so.
    """

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__(
            nn.Linear(sizes.embedding, 4 * sizes.hidden),
            nn.GELU(),
            nn.LayerNorm(4 * sizes.hidden),
            nn.Linear(4 * sizes.hidden, sizes.tokens * sizes.hidden),
        )
        self.sizes = sizes

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings [B, N, d] of N people to tokens [B, N, tokens, hidden]."""
        tokens = cast(Tensor, super().forward(embeddings.to(next(self.parameters()).dtype)))
        return tokens.unflatten(-1, (self.sizes.tokens, self.sizes.hidden))


class PatchTokens(nn.Sequential):
    """Linear, GELU, LayerNorm, Linear: each patch of a face crop becomes a token (layers 0, 2, 3 as published)."""

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__(
            nn.Linear(sizes.features, sizes.hidden),
            nn.GELU(),
            nn.LayerNorm(sizes.hidden),
            nn.Linear(sizes.hidden, sizes.hidden),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Patches [B, N, P, features] of N people to tokens [B, N, P, hidden]."""
        return cast(Tensor, super().forward(patches.to(next(self.parameters()).dtype)))
