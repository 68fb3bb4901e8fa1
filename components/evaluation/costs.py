"""What drawing costs: memory, and seconds a picture, kept beside the pictures for an evaluation that is resumed."""

import statistics
from pathlib import Path
from typing import Any

import torch

from model.training.meter import memory_of

FILE = "seconds.txt"  # in the scratch of an evaluation: one line a batch, pictures and seconds


def note(folder: Path, pictures: int, seconds: float) -> None:
    """Write down that a batch of `pictures` took `seconds`."""
    with (folder / FILE).open("a", encoding="ascii") as file:
        file.write(f"{pictures} {seconds:.6f}\n")


def costs(folder: Path, device: str) -> dict[str, Any]:
    """`seconds_per_picture`, the median over batches, and `peak_memory_bytes`, of the GPU's memory where there is one.

    Seconds are None where nothing was drawn; a line that a kill cut short is passed over.
    """
    file = folder / FILE
    lines = file.read_text(encoding="ascii").splitlines() if file.is_file() else []
    each = [float(words[1]) / int(words[0]) for words in map(str.split, lines) if len(words) == 2]
    return {
        "schema": 1,
        "device": device,
        "seconds_per_picture": statistics.median(each) if each else None,
        "peak_memory_bytes": memory_of(torch.device(device)),
    }
