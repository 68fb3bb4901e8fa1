"""The memory layout in which convolutional networks take gradients fastest on a CPU in bfloat16."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """`network` with its weights in the channels-last layout, its group normalisations working on plain tensors.

    Measured by benchmarks/identity_gradients.py: in bfloat16 this is the fastest of three layouts (1.05 times the plain
    one); in float32 it is the slowest (0.88), and channels-last alone, which the trainer takes, the fastest (1.05).
    The values stay the same to rounding.
    """
    movable: Any = network  # torch's types know no memory format of a module
    movable.to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(_plain)
            module.register_forward_hook(_back)
    return network


def _plain(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in inputs)


def _back(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output.contiguous(memory_format=torch.channels_last)
