"""How fast a training is: pictures a second, model FLOPs utilisation, memory.

Counting rule: the floating-point operations of one batch's forward and backward pass, two a multiplication with its
addition, over matrix products, convolutions and attention, as torch.utils.flop_counter counts them at the phase's first
batch. Frozen weights get no gradient and none is counted; neither are the optimiser and what checkpointed activations
cost a second time. Utilisation is their rate over the device's peak: the dense bfloat16 figure of its data sheet for
the GPUs below, else the most that a product of two square matrices has reached here, before training and between its
stretches: beside other work a single measurement is too low. It has 1,024 rows in 32 bits on a CPU, and on a GPU,
which that would not fill, 4,096 in bfloat16.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

SHEET = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # FLOP/s, SXM, dense bfloat16
CPU_ATTENTION = {  # torch counts the kernels of GPUs alone
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, q, k, v, *_, **__: sdpa_backward_flop_count(grad, q, k, v)
    ),
}


class Operations(FlopCounterMode):
    """Counts by the rule; `again` is true while blocks are computed a second time."""

    again: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__(display=False, custom_mapping=CPU_ATTENTION)

    def _count_flops(self, func_packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
        return out if self.again else super()._count_flops(func_packet, out, args, kwargs)


@contextmanager
def computed_again() -> Iterator[None]:
    """Inside, operations are done a second time, and do not count."""
    Operations.again = True
    try:
        yield
    finally:
        Operations.again = False


def flops_of(work: Callable[[], object]) -> int:
    """Floating-point operations of `work`, by the counting rule."""
    with Operations() as counter:
        work()
    return int(counter.get_total_flops())


def peak_of(device: torch.device, rounds: int = 5, kind: torch.dtype | None = None) -> float:
    """FLOP/s that utilisation is a share of; where it is measured, the best of `rounds` products (of `kind`)."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, peak in SHEET.items():
            if known in name:
                return peak
    side, usual = (1024, torch.float32) if device.type == "cpu" else (4096, torch.bfloat16)
    matrix = torch.ones(side, side, device=device, dtype=kind or usual)
    taken = [_seconds(matrix) for _ in range(rounds)]
    return 2 * side**3 / min(taken)


def _seconds(matrix: torch.Tensor) -> float:
    start = time.perf_counter()
    float((matrix @ matrix)[0, 0])  # reading a value waits for the device
    return time.perf_counter() - start


class Meter:
    """Measures one stretch of steps after another; `flops` are those of a batch, set by the loop."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.peak, self.flops = device, peak_of(device), 0
        self.started = time.monotonic()

    def count(self, work: Callable[[], object]) -> None:
        """Set `flops` to those of `work`, whose time is left out of the stretch."""
        began = time.monotonic()
        self.flops = flops_of(work)
        self.started += time.monotonic() - began

    def lap(self, batches: int, pictures: int, processes: int) -> dict[str, float]:
        """What the stretch since the last call was like: `batches` and `pictures` are those of all processes."""
        seconds = time.monotonic() - self.started
        self.peak = max(self.peak, peak_of(self.device, rounds=1))
        self.started = time.monotonic()
        return {
            "pictures_per_second": pictures / seconds,
            "flops_utilisation": batches * self.flops / seconds / (self.peak * processes),
            "memory_megabytes": memory_of(self.device) / 2**20,
        }


def memory_of(device: torch.device) -> int:
    """Peak bytes of this process so far: those of the device where it is a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
