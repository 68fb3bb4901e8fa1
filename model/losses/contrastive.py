"""Identity contrastive loss: the generated face must be nearer to its own identity than to thousands of others."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from model.losses.bank import IdentityBank

TEMPERATURE = 0.1


def id_contrastive_loss(
    generated: Tensor,
    target: Tensor,
    identities: Tensor,
    bank: IdentityBank | None = None,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """InfoNCE for each of F faces, [F]: -log(e^(g.p) / (e^(g.p) + sum of e^(g.n))), cosines over `temperature`.

    `generated` and `target` [F, d] are embeddings of the predicted and the ground-truth faces, `identities` [F]
    integer codes (a face nobody knows has a code of its own below 0). Negatives are the other targets of the batch and
    the whole bank, except those of the anchor's identity. The positive is part of the denominator, as in the released
    code; the first printed formula leaves it out.
    """
    anchors, positives = normalize(generated, dim=-1), normalize(target, dim=-1)
    own = (anchors * positives).sum(-1, keepdim=True)
    negatives = [_others(anchors @ positives.T, identities, identities)]
    if bank is not None:
        negatives.append(_others(anchors @ bank.embeddings.to(anchors).T, identities, bank.identities))
    logits = torch.cat([own, *negatives], dim=-1) / temperature
    return logits.logsumexp(-1) - logits[:, 0]


def _others(similarities: Tensor, anchors: Tensor, candidates: Tensor) -> Tensor:
    return similarities.masked_fill(anchors[:, None] == candidates[None, :], -torch.inf)
