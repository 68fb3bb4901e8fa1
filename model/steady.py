"""Linear layers that give a picture the same result, bit for bit, whatever pictures are beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn


@contextmanager
def steady(layers: Sequence[nn.Linear]) -> Iterator[None]:
    """Inside, each of `layers` computes the pictures of a batch [B, ...] one by one.

    MKL chooses how it multiplies by the number of rows, of threads, and by the processor: from 4 rows on, from 176 on,
    or from a number between, the same row comes out otherwise. So a picture must have as many in company as alone.
    """
    for layer in layers:
        layer.forward = partial(_one_by_one, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _one_by_one(layer: nn.Linear, batch: Tensor) -> Tensor:
    if len(batch) == 1:
        return nn.Linear.forward(layer, batch)
    return torch.cat([nn.Linear.forward(layer, picture) for picture in batch.split(1)])
