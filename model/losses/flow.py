"""Rectified flow: the path from picture to noise, its velocity, the loss and the noise levels it is asked at.

Names follow the released training code: x1 is the clean latent, x0 Gaussian noise, x_t = (1 - t) x1 + t x0, and the
network predicts v = x0 - x1. Times are in [0, 1]; 1 is pure noise.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor


def noised(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t of clean latents and noise [B, ...] at times t [B]."""
    t = _beside(t, clean)
    return (1 - t) * clean + t * noise


def predicted_clean(x_t: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
    """The clean latent that a predicted velocity implies: x_t - t v."""
    return x_t - _beside(t, x_t) * velocity


def flow_loss(velocity: Tensor, clean: Tensor, noise: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared error of the velocity for each sample, [B], computed in at least 32 bits.

    `weights` [B, L] of tokens [B, L, C], positive, make it a weighted mean over the tokens; the scale does not matter.
    """
    kind = torch.promote_types(velocity.dtype, torch.float32)
    error = (velocity.to(kind) - (noise.to(kind) - clean.to(kind))).square()
    if weights is None:
        return error.flatten(1).mean(1)
    return (error.mean(-1) * weights).sum(1) / weights.sum(1)


def shifted(s: Tensor, shift: float) -> Tensor:
    """Move uniform times towards noise: shift s / (1 + (shift - 1) s), which is FLUX's formula with shift = e^mu."""
    return shift * s / (1 + (shift - 1) * s)


def shift_of(tokens: int) -> float:
    """FLUX's shift for a number of image tokens: e^mu, mu on the line through 0.5 at 256 and 1.15 at 4096 tokens."""
    return math.exp(0.5 + (tokens - 256) * (1.15 - 0.5) / (4096 - 256))


def sample_times(count: int, shift: float, generator: torch.Generator) -> Tensor:
    """Random shifted times [count] for training, spread evenly: one uniform draw from each of `count` equal strata."""
    strata = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return shifted(strata / count, shift)


def sampling_times(steps: int, shift: float) -> Tensor:
    """The `steps + 1` shifted times from 1 down to 0 at which a sampler stands."""
    return shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift).float()


def euler(velocity: Callable[[Tensor, Tensor], Tensor], x_t: Tensor, times: Tensor) -> Iterator[Tensor]:
    """The tokens after each of n Euler steps along `times` [n + 1], from 1 down to 0.

    `velocity` is given the tokens and the time, a scalar tensor, at which a step begins.
    """
    for t, following in pairwise(times):
        x_t = x_t + (following - t) * velocity(x_t, t)
        yield x_t


def _beside(t: Tensor, x: Tensor) -> Tensor:
    return t.reshape(-1, *[1] * (x.dim() - 1))
