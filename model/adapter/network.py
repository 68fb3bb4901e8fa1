"""The identity adapter as one module: identity tokens and a cross-attention for each block of the backbone."""

from torch import Tensor, nn

from model.adapter.attention import KeysValues, PerceiverAttentionCA
from model.adapter.sizes import AdapterSizes
from model.adapter.tokens import IdentityTokens


class IdentityAdapter(nn.Module):
    """The ArcFace branch of WithAnyone (1,384,882,176 parameters at FLUX.1-dev size), with the published key names."""

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.arcface_in_arc = IdentityTokens(sizes)
        self.ipa_arc = nn.ModuleList(PerceiverAttentionCA(sizes) for _ in range(sizes.blocks))

    def forward(self, embeddings: Tensor) -> list[KeysValues]:
        """Keys and values of each block for raw face embeddings [B, N, d]: all of the adapter that needs no picture."""
        tokens = self.arcface_in_arc(embeddings)
        return [attention.keys_values(tokens) for attention in self.attentions()]

    def attentions(self) -> list[PerceiverAttentionCA]:
        """The cross-attentions, in the order of the backbone's blocks."""
        return [module for module in self.ipa_arc if isinstance(module, PerceiverAttentionCA)]
