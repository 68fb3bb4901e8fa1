"""One training step the plain way and ours, in turn, on the same pictures: python -m benchmarks.training.

Plain is how the published code does it: text and autoencoder run in each step, masks are filled in by loops, every
picture is decoded whole and recognised whatever its weight, negatives are gathered on the CPU for each face, and all
blocks are computed again in the backward pass. Both ways have the same losses; the program says how far apart they are.
`--flux` takes networks of FLUX.1-dev's size with random weights at 512 pixels, for a GPU of 80 GB or more.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.training_parts import BANK, PHASE, Parts, cached_batch, flux_parts, nano_parts, photos
from benchmarks.training_plain import plain_step
from model.losses.bank import IdentityBank
from model.losses.contrastive import id_contrastive_loss
from model.training.batches import Batch
from model.training.meter import flops_of, peak_of
from model.training.step import losses, recompute

Found = dict[str, Tensor]
LARGE_BANK = 100_000
console = Console()


def our_step(parts: Parts, batch: Batch, share: float = 0) -> Found:
    """The step as the trainer does it, with its gradients; `share` of the blocks are computed again."""
    recompute(parts.model.backbone, share)
    found = losses(parts.model, batch, parts.judges, PHASE)
    found["total"].backward()
    parts.model.hooks.close()
    parts.model.backbone.disable_gradient_checkpointing()
    return found


def compiled_step(parts: Parts, batch: Batch, forwards: list[Callable[..., object]]) -> Found:
    """Our step with the blocks' compiled forward passes in their place."""
    blocks = _blocks(parts)
    for block, forward in zip(blocks, forwards, strict=True):
        setattr(block, "forward", forward)  # noqa: B010  (an instance's own forward, for a while)
    try:
        return our_step(parts, batch)
    finally:
        for block in blocks:
            delattr(block, "forward")


def _blocks(parts: Parts) -> list[torch.nn.Module]:
    return [*parts.model.backbone.transformer_blocks, *parts.model.backbone.single_transformer_blocks]


def ways(parts: Parts, pictures: int, compiled: bool) -> dict[str, Callable[[], Found]]:
    """The ways that are compared, the plain one first."""
    pixels = photos(parts, pictures)
    batch = cached_batch(parts, pixels)
    found: dict[str, Callable[[], Found]] = {
        "plain": partial(plain_step, parts, batch, pixels),
        "ours": partial(our_step, parts, batch),
        "ours, half of the blocks recomputed": partial(our_step, parts, batch, 0.5),
        "ours, all blocks recomputed": partial(our_step, parts, batch, 1.0),
    }
    if compiled:
        forwards = [torch.compile(block.forward) for block in _blocks(parts)]
        found["ours, blocks compiled"] = partial(compiled_step, parts, batch, forwards)
    return found


def timed(way: Callable[[], Found], parts: Parts) -> tuple[float, Found]:
    """Seconds of one step and its losses; gradients are dropped before."""
    parts.model.zero_grad()
    _wait(parts.device)
    start = time.perf_counter()
    found = way()
    _wait(parts.device)
    return time.perf_counter() - start, {name: value.detach() for name, value in found.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(given: argparse.Namespace) -> None:
    """Time all ways in turn and print the table."""
    parts = parts_of(given)
    compared = ways(parts, given.batch, given.compiled)
    taken: dict[str, list[float]] = {name: [] for name in compared}
    results: dict[str, tuple[float, Found]] = {}
    for turn in range(given.rounds + 1):
        results = {name: timed(way, parts) for name, way in compared.items()}
        if turn:
            for name, (seconds, _) in results.items():
                taken[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    plain = results["plain"][1]
    apart = max(abs(float(found[name] / plain[name]) - 1) for _, found in results.values() for name in plain)
    flops, most = flops_of(compared["ours"]), peak_of(parts.device)
    table = Table("way", "s a step", "pictures/s", "times as fast", "utilisation", "peak memory, MB")
    for name, seconds in medians.items():
        figures = seconds, given.batch / seconds, medians["plain"] / seconds, 100 * flops / seconds / most
        shown = [f"{figures[0]:.3f}", f"{figures[1]:.2f}", f"{figures[2]:.2f}", f"{figures[3]:.1f} %"]
        table.add_row(name, *shown, f"{memory(name):,.0f}")
    console.print(table)
    console.print(
        f"{flops / 1e12:.4f} TFLOP a step by the rule of model/training/meter.py, peak {most / 1e12:.3f} TFLOP/s"
    )
    console.print(f"losses of all ways agree to {apart:.1e} of their value; {given.rounds} rounds, medians")
    print_bank(parts, 2 * given.batch, medians["ours"])


def print_bank(parts: Parts, faces: int, step: float) -> None:
    """What contrasting with small and large banks costs, as a share of the step."""
    for rows in (BANK, LARGE_BANK):
        dim = parts.preset.recogniser_dim
        codes = torch.arange(rows, device=parts.device) % 2_000
        bank = IdentityBank.of(torch.randn(rows, dim, device=parts.device), codes)
        generated = torch.randn(faces, dim, device=parts.device, requires_grad=True)
        seconds = []
        for _ in range(7):
            start = time.perf_counter()
            id_contrastive_loss(generated, torch.ones_like(generated), codes[:faces], bank).mean().backward()
            _wait(parts.device)
            seconds.append(time.perf_counter() - start)
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
    return flux_parts(torch.device("cuda"), given.pixels) if given.flux else nano_parts()


def main() -> None:
    """Compare the ways, or run one for its memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16, help="pictures of a step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="also with torch.compile, which takes minutes to start")
    parser.add_argument("--flux", action="store_true")
    parser.add_argument("--pixels", type=int, default=512, help="side of a picture with --flux")
    parser.add_argument("--memory-of", default="", help="run one step of this way and print the peak, in megabytes")
    given = parser.parse_args()
    if not given.memory_of:
        compare(given)
        return
    parts = parts_of(given)
    way = ways(parts, given.batch, given.compiled)[given.memory_of]
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
