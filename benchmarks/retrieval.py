"""Times retrieval beside the machine's own matrix products: python -m benchmarks.retrieval [--faces N] [--centres N].

The yardstick is float32 products of square matrices' rows of the same inner dimension, by the same library, between the
parts of one retrieval: a machine shared with others changes its rate within seconds, so each part of the faces is
compared with the products before and after it. The fastest product of all is told, too.
"""

import argparse
import os
import statistics
import time
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from model.cores import cores
from model.similarity import ROWS, close

SIDE = 4096  # rows of either factor of the yardstick
PART = 16_384  # faces between two of its turns: a second or two
PRODUCTS = 4  # of a turn, of which the first is not timed: it finds the caches full of the part's
LEAST = 0.45  # cosine from which a person may be a face's, or a rival: a calibrated threshold of 0.5, less the margin
SIZES = (512, 128)  # of an embedding: a published recogniser's, the default one's here


def unit_rows(count: int, size: int, seed: int) -> NDArray[np.float32]:
    """`count` random unit vectors [count, size]."""
    rows = np.random.default_rng(seed).standard_normal((count, size), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


class Yardstick:
    """Products [4096, size] x [size, 4096] into memory that is there."""

    def __init__(self, size: int) -> None:
        self.left, self.right = unit_rows(SIDE, size, 1), unit_rows(SIDE, size, 2).T
        self.out = np.empty((SIDE, SIDE), np.float32)

    def seconds(self) -> list[float]:
        """What each product of a turn took."""
        taken = []
        for _ in range(PRODUCTS):
            start = time.perf_counter()
            np.matmul(self.left, self.right, out=self.out)
            taken.append(time.perf_counter() - start)
        return taken[1:]


def main() -> None:
    """Measure for each size of embedding and print rates and shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--centres", type=int, default=25_000)
    given = parser.parse_args()
    title = f"{given.faces:,} faces, {given.centres:,} centres, load {os.getloadavg()[0]:.1f} (medians of parts)"
    rates = ("retrieval, Gflop/s", "products, Gflop/s", "share", "quarters of shares", "fastest product")
    table = Table("values a face", "seconds", *rates, title=title)
    for size in SIZES:
        table.add_row(str(size), *measure(given.faces, given.centres, size))
    Console(width=120).print(table)


def measure(count: int, people: int, size: int) -> list[str]:
    """Retrieve `count` faces among `people` centres of `size` values: what the table says of it."""
    faces, centres, yardstick = unit_rows(count, size, 3), unit_rows(people, size, 4), Yardstick(size)
    some = ROWS * cores()  # as curation asks
    turns, parts = [yardstick.seconds()], []
    for top in range(0, count, PART):
        start = time.perf_counter()
        for first in range(top, min(top + PART, count), some):
            close(faces[first : min(first + some, top + PART)], centres, LEAST)
        parts.append(time.perf_counter() - start)
        turns.append(yardstick.seconds())
    sizes = np.diff([*range(0, count, PART), count])
    own = 2 * SIDE * SIDE * size / np.array([statistics.mean(before + after) for before, after in pairwise(turns)])
    rate = 2 * people * size * sizes / np.array(parts)
    low, share, high = np.percentile(rate / own, [25, 50, 75])
    fastest = 2 * SIDE * SIDE * size / min(min(turn) for turn in turns)
    told = [f"{np.median(rate) / 1e9:.0f}", f"{np.median(own) / 1e9:.0f}", f"{share:.0%}", f"{low:.0%} to {high:.0%}"]
    return [f"{sum(parts):.1f}", *told, f"{fastest / 1e9:.0f}"]


if __name__ == "__main__":
    main()
