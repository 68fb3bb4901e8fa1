"""One training step the plain way and ours, in turn, on the same pictures: python -m benchmarks.training.

Plain is how the published code does it: text and autoencoder run in each step, masks are filled in by loops, every
picture is decoded whole and recognised whatever its weight, negatives are gathered on the CPU for each face, and all
blocks are computed again in the backward pass. Both ways have the same losses; the program says how far apart they are.
`--tried` adds other ways of computing ours (training_ours.py). Memory is that beside the networks and the batch.
`--flux` takes networks of FLUX.1-dev's size with random weights at 512 pixels, for a GPU of 80 GB or more; with
`--depth` a share of their layers, for any machine.
"""

import argparse
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.training_ours import Found, our_step, tried
from benchmarks.training_parts import BANK, Parts, cached_batch, flux_parts, nano_parts, photos
from benchmarks.training_plain import plain_step
from model.losses.bank import IdentityBank
from model.losses.contrastive import id_contrastive_loss
from model.training.batches import Batch
from model.training.meter import flops_of, peak_of

LARGE_BANK = 100_000
console = Console(width=120)


def ways(parts: Parts, batch: Batch, pixels: Tensor, others: bool) -> dict[str, Callable[[], Found]]:
    """The ways that are compared, the plain one first."""
    found: dict[str, Callable[[], Found]] = {
        "plain": partial(plain_step, parts, batch, pixels),
        "ours": partial(our_step, parts, batch),
        "ours, half of the blocks recomputed": partial(our_step, parts, batch, 0.5),
        "ours, all blocks recomputed": partial(our_step, parts, batch, 1.0),
    }
    if others:
        found |= {f"ours, {name}": way for name, way in tried(parts, batch).items()}
    return found


class Lap(NamedTuple):
    """One step: seconds that passed, and seconds of the processors."""

    wall: float
    cpu: float


class Outcome(NamedTuple):
    """The losses of a step and the gradients of the adapter's parameters."""

    losses: Found
    gradients: list[Tensor]

    def apart(self, other: "Outcome") -> tuple[float, float]:
        """How far losses are from other ones, as a share of their value, and gradients, of the norm of all."""
        losses = max(abs(float(self.losses[name] / other.losses[name]) - 1) for name in self.losses)
        pairs = zip(self.gradients, other.gradients, strict=True)
        distance = sum(float((own - its).float().square().sum()) for own, its in pairs)
        norm = sum(float(its.float().square().sum()) for its in other.gradients)
        return losses, math.sqrt(distance / norm)


def timed(way: Callable[[], Found], parts: Parts) -> tuple[Lap, Outcome]:
    """One step of a model without gradients, which it leaves so."""
    _wait(parts.device)
    wall, cpu = time.perf_counter(), time.process_time()
    found = way()
    _wait(parts.device)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    gradients = [p.grad for p in parts.model.adapter.parameters() if p.grad is not None]
    parts.model.zero_grad()
    return Lap(wall, cpu), Outcome({name: value.detach() for name, value in found.items()}, gradients)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(given: argparse.Namespace) -> None:
    """Time all ways in turn and print the table."""
    parts = parts_of(given)
    pixels = photos(parts, given.batch)
    batch = cached_batch(parts, pixels)
    compared = ways(parts, batch, pixels, given.tried)
    laps: dict[str, list[Lap]] = {name: [] for name in compared}
    outcomes: dict[str, Outcome] = {}
    for _ in range(given.rounds + 1):
        for name, way in compared.items():
            lap, outcomes[name] = timed(way, parts)
            laps[name].append(lap)
    medians = {name: statistics.median(lap.wall for lap in row[1:]) for name, row in laps.items()}
    kind = torch.bfloat16 if parts.half else torch.float32
    flops, most = flops_of(compared["ours"]), peak_of(parts.device, kind=kind)
    titles = ("s a step", "CPU s", "first, s", "pictures/s", "times as fast", "utilisation", "losses apart", "gradient")
    table = Table("way", *titles)
    for name, seconds in medians.items():
        row = [
            f"{seconds:.3f}",
            f"{statistics.median(lap.cpu for lap in laps[name][1:]):.3f}",
            f"{laps[name][0].wall:.1f}",
            f"{given.batch / seconds:.2f}",
            f"{medians['plain'] / seconds:.2f}",
            f"{flops / seconds / most:.1%}",
            *(f"{share:.1e}" for share in outcomes[name].apart(outcomes["plain"])),
        ]
        table.add_row(name, *row)
    console.print(table)
    console.print(
        f"{flops / 1e12:.4f} TFLOP a step by the rule of model/training/meter.py, peak {most / 1e12:.3f} TFLOP/s; "
        f"{given.rounds} rounds after the first, medians; {torch.get_num_threads()} threads"
    )
    print_bank(parts, int(batch.decoded[batch.of_picture].sum()), laps["ours"][1:])
    for name in compared if given.memory else ():
        console.print(f"peak memory, {name}: {memory(name):,.0f} MB")


def print_bank(parts: Parts, faces: int, laps: list[Lap]) -> None:
    """What contrasting the faces that a step decodes with small and large banks costs, as a share of the step.

    On a CPU both are its seconds: others at work on the machine hardly change them.
    """
    alone = parts.device.type == "cpu"
    clock = time.process_time if alone else time.perf_counter
    step = statistics.median(lap.cpu if alone else lap.wall for lap in laps)
    for rows in (BANK, LARGE_BANK):
        dim = parts.preset.recogniser_dim
        codes = torch.arange(rows, device=parts.device) % 2_000
        bank = IdentityBank.of(torch.randn(rows, dim, device=parts.device), codes).to(parts.device)
        generated = torch.randn(faces, dim, device=parts.device, requires_grad=True)
        seconds = []
        for _ in range(7):
            start = clock()
            id_contrastive_loss(generated, torch.ones_like(generated), codes[:faces], bank).mean().backward()
            _wait(parts.device)
            seconds.append(clock() - start)
        share = statistics.median(seconds) / step
        console.print(
            f"bank of {rows:,} for {faces} faces: {1000 * statistics.median(seconds):.1f} ms, {share:.2%} of our step"
        )


def memory(way: str) -> float:
    """Peak megabytes that one step of a way takes beside the networks and the batch, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", *sys.argv[1:], "--memory-of", way]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def parts_of(given: argparse.Namespace) -> Parts:
    """The networks that the options name."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return flux_parts(device, given.pixels, given.depth) if given.flux else nano_parts()


def main() -> None:
    """Compare the ways, or run one for its memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16, help="pictures of a step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tried", action="store_true", help="also the ways that were tried; compiling takes minutes")
    parser.add_argument("--memory", action="store_true", help="also each way's peak memory, in processes of their own")
    parser.add_argument("--flux", action="store_true")
    parser.add_argument("--pixels", type=int, default=512, help="side of a picture with --flux")
    parser.add_argument("--depth", type=float, default=1, help="share of the layers with --flux")
    parser.add_argument("--memory-of", default="", help="run one step of this way and print the peak, in megabytes")
    given = parser.parse_args()
    if not given.memory_of:
        compare(given)
        return
    parts = parts_of(given)
    pixels = photos(parts, given.batch)
    way = ways(parts, cached_batch(parts, pixels), pixels, given.tried)[given.memory_of]
    before = reset_peak(parts.device)
    timed(way, parts)
    sys.stdout.write(f"{(peak(parts.device) - before) / 2**20}\n")


def reset_peak(device: torch.device) -> float:
    """Bytes in use now, from which the peak starts again."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the process's peak becomes what it holds
    return peak(device)


def peak(device: torch.device) -> float:
    """Most bytes in use since the reset."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
