"""From face embeddings to the tokens that the backbone's image tokens attend to."""

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
        """Embeddings [B, N, d] of N people to tokens [B, N * tokens, hidden], person by person."""
        tokens = cast(Tensor, super().forward(embeddings))
        return tokens.reshape(embeddings.shape[0], -1, self.sizes.hidden)
