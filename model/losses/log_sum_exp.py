"""Log-sum-exp over a bank of any size, block by block, with its gradient from the same pass."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.losses.bank import IdentityBank

BLOCK = 4096  # rows of the bank at a time; the logits of a block stay in a processor's cache


def log_sum_exp(queries: Tensor, identities: Tensor, bank: IdentityBank) -> Tensor:
    """The log of the sum of e^(q.n) over the rows n of other identities, [F], for queries q [F, d] of `identities` [F].

    It is the lowest finite number where there is no such row. The bank is constant, so the gradient to a query is the
    mean of the rows weighted by their softmax: the forward pass gathers it beside the sum, reads the bank once, and
    keeps [F, d] numbers for the backward pass however long the bank is.

    Products are taken in the bank's precision and summed up in that of the queries. For cosines over 0.1 the
    sum is within 0.01 of float64 in bfloat16, and 5e-6 in 32 bits; the gradient within 1 %, and 5e-6, of its norm.
    """
    found: Tensor = _LogSumExp.apply(queries, identities, bank)
    return found


def others(logits: Tensor, anchors: Tensor, candidates: Tensor) -> Tensor:
    """Logits [F, M] without those of the anchor's own identity: -inf where anchors [F] and candidates [M] are one."""
    return logits.masked_fill(anchors[:, None] == candidates[None, :], -torch.inf)


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, identities: Tensor, bank: IdentityBank) -> Tensor:
        total = queries.new_full((len(queries),), torch.finfo(queries.dtype).min)
        mean = torch.zeros_like(queries)
        for rows, codes in zip(bank.embeddings.split(BLOCK), bank.identities.split(BLOCK), strict=True):
            logits = others((queries.to(rows) @ rows.T).to(queries), identities, codes)
            grown = torch.logaddexp(total, logits.logsumexp(-1))
            weights = (logits - grown[:, None]).exp()
            mean = mean * (total - grown).exp()[:, None] + (weights.to(rows) @ rows).to(queries)
            total = grown
        ctx.save_for_backward(mean)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (mean,) = ctx.saved_tensors
        return gradient[:, None] * mean, None, None
