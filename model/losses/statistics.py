"""Group normalisation whose mean and deviation were measured elsewhere, so that a part is decoded like the whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Statistics = dict[str, tuple[Tensor, Tensor]]


@contextmanager
def measured(network: nn.Module) -> Iterator[Statistics]:
    """Inside, what goes through each nn.GroupNorm of `network` leaves mean and 1 / deviation [B, groups, 1] behind.

    They carry no gradient: a normalisation that uses them treats them as constants.
    """
    found: Statistics = {}

    def measure(name: str, norm: nn.GroupNorm) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().reshape(len(inputs[0]), norm.num_groups, -1)
            variance, mean = torch.var_mean(x.float(), -1, correction=0, keepdim=True)
            found[name] = mean.to(x.dtype), (variance + norm.eps).rsqrt().to(x.dtype)

        return hook

    hooks = [norm.register_forward_pre_hook(measure(name, norm)) for name, norm in _norms(network)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def normalised(network: nn.Module, statistics: Statistics, rows: Tensor) -> Iterator[None]:
    """Inside, each measured nn.GroupNorm of `network` uses row `rows[i]` [N] of its statistics for input i of N."""
    known = [(name, norm) for name, norm in _norms(network) if name in statistics]
    for name, norm in known:
        mean, scale = (part[rows] for part in statistics[name])
        setattr(norm, "forward", _forward(norm, mean, scale))  # noqa: B010  (an instance's own forward, for a while)
    try:
        yield
    finally:
        for _, norm in known:
            delattr(norm, "forward")


def _forward(norm: nn.GroupNorm, mean: Tensor, scale: Tensor) -> Callable[[Tensor], Tensor]:
    """The normalisation as one multiplication and addition a channel."""
    channels = norm.num_channels // norm.num_groups
    factor = scale.repeat_interleave(channels, 1) * norm.weight[:, None]
    offset = norm.bias[:, None] - mean.repeat_interleave(channels, 1) * factor

    def forward(x: Tensor) -> Tensor:
        return torch.addcmul(offset[..., None], x, factor[..., None])

    return forward


def _norms(network: nn.Module) -> Iterator[tuple[str, nn.GroupNorm]]:
    return ((name, module) for name, module in network.named_modules() if isinstance(module, nn.GroupNorm))
