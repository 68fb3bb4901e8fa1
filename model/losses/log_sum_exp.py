"""Log-sum-exp over a bank of any size, block by block, with its gradient from the same pass."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.losses.bank import IdentityBank

BLOCK = 4096  # rows of the bank at a time
CACHED = 512  # the same in 32 bits, a megabyte: still in a core's cache when the second product reads them


def log_sum_exp(queries: Tensor, identities: Tensor, bank: IdentityBank) -> Tensor:
    """The log of the sum of e^(q.n) over the rows n of other identities, [F], for queries q [F, d] of `identities` [F].

    It is the lowest finite number where there is no such row. The bank is constant, so the gradient to a query is the
    mean of the rows weighted by their softmax: the forward pass gathers it beside the sum, reads the bank once, and
    keeps [F, d] numbers for the backward pass however long the bank is. Rows have length 1, so that no logit is above
    a query's own length; exponentials are taken from there, and need no maximum of the logits. In 32 bits those of
    queries up to 40 long, cosines over 0.025, do not vanish.

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
        most = queries.norm(dim=-1, keepdim=True)
        total, mean = torch.zeros_like(most), torch.zeros_like(queries)
        block = CACHED if bank.embeddings.dtype == torch.float32 else BLOCK
        for rows, codes in zip(bank.embeddings.split(block), bank.identities.split(block), strict=True):
            logits = others((queries.to(rows) @ rows.T).to(queries), identities, codes)
            weights = (logits - most).exp_()
            total += weights.sum(-1, keepdim=True)
            mean += (weights.to(rows) @ rows).to(queries)
        limits = torch.finfo(queries.dtype)
        mean /= total.clamp_min(limits.tiny)
        ctx.save_for_backward(mean)
        return torch.where(total > 0, total.log() + most, limits.min)[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (mean,) = ctx.saved_tensors
        return gradient[:, None] * mean, None, None
