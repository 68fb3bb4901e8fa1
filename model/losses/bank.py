"""The bank of reference embeddings that serves as negatives of the contrastive loss."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True)
class IdentityBank:
    """Unit embeddings [M, d] and the identity code [M] of each; codes are >= 0, one per identity.

    The precision of the embeddings is that in which they are multiplied (log_sum_exp.py).
    """

    embeddings: Tensor
    identities: Tensor

    @classmethod
    def of(cls, embeddings: Tensor, identities: Tensor) -> "IdentityBank":
        """A bank of raw embeddings [M, d]; ValueError for a zero embedding, which has no direction."""
        if len(embeddings) != len(identities):
            raise ValueError(f"bank: {len(embeddings)} embeddings but {len(identities)} identities")
        if bool((embeddings.norm(dim=-1) == 0).any()):
            raise ValueError("bank: an embedding is zero; drop the face it came from")
        return cls(normalize(embeddings, dim=-1), identities)

    def rows(self, index: Tensor) -> "IdentityBank":
        """The bank of some of the embeddings."""
        return IdentityBank(self.embeddings[index], self.identities[index])

    def to(self, device: torch.device) -> "IdentityBank":
        """The same bank on another device, in the precision that is quickest there."""
        return IdentityBank(self.embeddings.to(device, quickest(device)), self.identities.to(device))


def quickest(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else 32 bits."""
    hardware = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if hardware else torch.float32
