"""Linear layers that give a row the same result, bit for bit, however few rows are beside it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 12  # below, MKL multiplies by other kernels for 1, 2 and 3 rows and for what is over a multiple of four


@contextmanager
def steady(layers: Sequence[nn.Linear]) -> Iterator[None]:
    """Inside, a layer that is given fewer than `ROWS` rows computes with rows of zeros beside them.

    A backbone sees one row a picture where it modulates its blocks, so that a batch of one would otherwise differ from
    the same picture in a batch of four by rounding.
    """
    with ExitStack() as hooks:
        for layer in layers:
            padding = _Padding()
            hooks.callback(layer.register_forward_pre_hook(padding.add).remove)
            hooks.callback(layer.register_forward_hook(padding.cut).remove)
        yield


class _Padding:
    shape: torch.Size  # of the rows that were given

    def add(self, _layer: nn.Module, inputs: tuple[Tensor]) -> Tensor | None:
        self.shape = inputs[0].shape[:-1]
        rows = inputs[0].flatten(0, -2)
        return F.pad(rows, (0, 0, 0, ROWS - len(rows))) if len(rows) < ROWS else None

    def cut(self, _layer: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> Tensor:
        if output.shape[:-1] == self.shape:
            return output
        return output[: self.shape.numel()].unflatten(0, self.shape)
