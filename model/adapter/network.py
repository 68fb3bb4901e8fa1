"""The identity adapter as one module: identity tokens and a cross-attention for each block of the backbone."""

import torch
from torch import Tensor, nn

from model.adapter.attention import KeysValues, PerceiverAttentionCA
from model.adapter.sizes import ARC, SIG, AdapterSizes
from model.adapter.tokens import IdentityTokens, PatchTokens


class IdentityAdapter(nn.Module):
    """The branches of WithAnyone that `sizes` names, with the published key names.

    At the size of FLUX.1-dev the ArcFace branch has 1,384,882,176 parameters, the SigLIP branch 1,396,690,944.
    """

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.keys_first = True  # False: each block makes its own, of weights that are there for that block alone
        if ARC in sizes.branches:
            self.arcface_in_arc = IdentityTokens(sizes)
            self.ipa_arc = nn.ModuleList(PerceiverAttentionCA(sizes) for _ in range(sizes.blocks))
        if SIG in sizes.branches:
            self.siglip_in_sig = PatchTokens(sizes)
            self.arcface_in_sig = IdentityTokens(sizes)
            self.ipa_sig = nn.ModuleList(PerceiverAttentionCA(sizes) for _ in range(sizes.blocks))

    def forward(self, embeddings: Tensor, patches: Tensor | None = None, branch: str = ARC) -> list[KeysValues]:
        """Keys and values of each block for N people: all of a branch that needs no picture, so it is computed once.

        Takes raw face embeddings [B, N, d] and, for the SigLIP branch, patches [B, N, P, features]. Along the tokens
        the result is person by person, and what a person has does not depend on the others: it may be kept for a person
        and joined. Raises ValueError where the SigLIP branch is not given its patches.
        """
        tokens = self.tokens(embeddings, patches, branch)
        return [attention.keys_values(tokens) for attention in self.attentions(branch)]

    def tokens(self, embeddings: Tensor, patches: Tensor | None = None, branch: str = ARC) -> Tensor:
        """The identity tokens [B, N * T, hidden], person by person, of which all blocks make their keys and values."""
        people: Tensor = self.arcface_in_arc(embeddings) if branch == ARC else self._sig(embeddings, patches)
        return people.flatten(1, 2)

    def attentions(self, branch: str = ARC) -> list[PerceiverAttentionCA]:
        """The cross-attentions of a branch, in the order of the backbone's blocks."""
        modules: nn.ModuleList = self.ipa_arc if branch == ARC else self.ipa_sig
        return [module for module in modules if isinstance(module, PerceiverAttentionCA)]

    def _sig(self, embeddings: Tensor, patches: Tensor | None) -> Tensor:
        """Tokens [B, N, P + tokens, hidden]: the patches of a person, then the embedding."""
        if patches is None or patches.shape[-2:] != (self.sizes.patches, self.sizes.features):
            found = "none" if patches is None else tuple(patches.shape)
            wanted = f"[B, N, {self.sizes.patches}, {self.sizes.features}]"
            raise ValueError(f"patches: the SigLIP branch reads {wanted} of the vision tower, given are {found}")
        return torch.cat([self.siglip_in_sig(patches), self.arcface_in_sig(embeddings)], dim=2)
