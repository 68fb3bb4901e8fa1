"""What a training step of FLUX.1-dev takes of a GPU's memory, by its depth: python -m benchmarks.training_memory.

Steps of a few blocks run on the CPU with random weights, and the bytes of their tensors are counted while these are
alive, which is what a GPU has to hold, but for what its kernels work in. Each block adds as much, so that two depths
tell the whole. Weights, gradients, moments and the batch are there before and not counted; the text encoders are not
in a step.
"""

import argparse
import weakref
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.training import ways
from benchmarks.training_parts import cached_batch, flux_parts, photos

BLOCKS = 57  # of FLUX.1-dev, two thirds of them single: 3 and 6 blocks have them in the same proportion
DEPTHS = (0.06, 0.12)
WAYS = ("plain", "ours", "ours, all blocks recomputed")
GIB = 2**30


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside, until nobody has them any more; `peak` is the most of them."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = op(*args, **(kwargs or {}))
        given = {id(one.untyped_storage()) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        for one in tree_leaves(found):
            if isinstance(one, Tensor) and id(one.untyped_storage()) not in given | self._known:
                self._add(one.untyped_storage())
        return found

    def _add(self, storage: torch.UntypedStorage) -> None:
        number, size = id(storage), storage.nbytes()
        self._known.add(number)
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._forget, number, size)

    def _forget(self, number: int, size: int) -> None:
        self._known.discard(number)
        self.bytes -= size


def peak_of(work: Callable[[], object]) -> int:
    """The most bytes of tensors made by `work` that are alive at once."""
    with LiveTensors() as live:
        work()
    return live.peak


def peaks(depth: float, pixels: int, count: int) -> tuple[int, dict[str, int]]:
    """The number of blocks at a share of the depth, and the peak of a step each way."""
    parts = flux_parts(torch.device("cpu"), pixels, depth)
    pictures = photos(parts, count)
    batch = cached_batch(parts, pictures)
    compared, found = ways(parts, batch, pictures, others=False), {}
    for name in WAYS:
        for weight in parts.model.adapter.parameters():
            weight.grad = torch.zeros_like(weight)
        found[name] = peak_of(compared[name])
    sizes = parts.preset.backbone
    return sizes["num_layers"] + sizes["num_single_layers"], found


def main() -> None:
    """Count at two depths and print what all blocks take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4, help="pictures of a step")
    parser.add_argument("--pixels", type=int, default=512, help="side of a picture")
    given = parser.parse_args()
    (few, less), (many, more) = (peaks(depth, given.pixels, given.batch) for depth in DEPTHS)
    title = f"GiB of a step of {given.batch} pictures of {given.pixels} pixels"
    table = Table("way", f"{few} blocks", f"{many} blocks", "each further one", f"{BLOCKS} blocks", title=title)
    for name in WAYS:
        each = (more[name] - less[name]) / (many - few)
        whole = more[name] + (BLOCKS - many) * each
        table.add_row(name, *(f"{size / GIB:.3f}" for size in (less[name], more[name], each, whole)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
