"""Identity contrastive loss: the generated face must be nearer to its own identity than to thousands of others."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from model.losses.bank import IdentityBank
from model.losses.log_sum_exp import log_sum_exp, others

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
    queries, positives = normalize(generated, dim=-1) / temperature, normalize(target, dim=-1)
    own = (queries * positives).sum(-1, keepdim=True)
    logits = [own, others(queries @ positives.T, identities, identities)]
    if bank is not None:
        logits.append(log_sum_exp(queries, identities, bank)[:, None])
    return torch.cat(logits, dim=-1).logsumexp(-1) - own[:, 0]
