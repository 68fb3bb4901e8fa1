"""How fast a training is: pictures a second, model FLOPs utilisation, memory.

Counting rule: the floating-point operations of one batch's forward and backward pass, two a multiplication with its
addition, over matrix products, convolutions and attention, as torch.utils.flop_counter counts them at the phase's first
batch. Frozen weights get no gradient and none is counted; neither are the optimiser and what checkpointed activations
cost a second time. Utilisation is their rate over the device's peak: the dense bfloat16 figure of its data sheet for
the GPUs below, else what a product of two 1,024 x 1,024 matrices reaches on this device before training.
"""

import resource
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

SHEET = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # FLOP/s, SXM, dense bfloat16
SIDE, ROUNDS = 1024, 5


def flops_of(work: Callable[[], object]) -> int:
    """Floating-point operations of `work`, by the counting rule."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def peak_of(device: torch.device) -> float:
    """FLOP/s that utilisation is a share of."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, peak in SHEET.items():
            if known in name:
                return peak
    matrix = torch.ones(SIDE, SIDE, device=device)
    taken = [_seconds(matrix) for _ in range(ROUNDS)]
    return 2 * SIDE**3 / min(taken)


def _seconds(matrix: torch.Tensor) -> float:
    start = time.perf_counter()
    float((matrix @ matrix)[0, 0])  # reading a value waits for the device
    return time.perf_counter() - start


class Meter:
    """Measures one stretch of steps after another; `flops` are those of a batch, set by the loop."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.peak, self.flops = device, peak_of(device), 0
        self.started = time.monotonic()

    def lap(self, batches: int, pictures: int, processes: int) -> dict[str, float]:
        """What the stretch since the last call was like: `batches` and `pictures` are those of all processes."""
        seconds, self.started = time.monotonic() - self.started, time.monotonic()
        return {
            "pictures_per_second": pictures / seconds,
            "flops_utilisation": batches * self.flops / seconds / (self.peak * processes),
            "memory_megabytes": memory_of(self.device) / 2**20,
        }


def memory_of(device: torch.device) -> float:
    """Peak bytes of this process so far: those of the device where it is a GPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
