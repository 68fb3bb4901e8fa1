"""Times retrieval beside the machine's own matrix products: python -m benchmarks.retrieval [--faces N] [--centres N].

The yardstick is the fastest of several float32 products of square matrices' rows of the same inner dimension, measured
between the rounds of retrieval, in one run and with the same library.
"""

import argparse
import os
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from model.cores import cores
from model.similarity import ROWS, close

SIDE = 4096  # rows of either factor of the yardstick
ROUNDS = 3
LEAST = 0.45  # cosine from which a person may be a face's, or a rival: a calibrated threshold of 0.5, less the margin
SIZES = (512, 128)  # of an embedding: a published recogniser's, the default one's here


def unit_rows(count: int, size: int, seed: int) -> NDArray[np.float32]:
    """`count` random unit vectors [count, size]."""
    rows = np.random.default_rng(seed).standard_normal((count, size), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def product_rate(size: int) -> float:
    """Operations a second of the fastest of five products [4096, size] x [size, 4096] into memory that is there."""
    left, right = unit_rows(SIDE, size, 1), unit_rows(SIDE, size, 2)
    out, taken = np.empty((SIDE, SIDE), np.float32), []
    for _ in range(5):
        start = time.perf_counter()
        np.matmul(left, right.T, out=out)
        taken.append(time.perf_counter() - start)
    return 2 * SIDE * SIDE * size / min(taken)


def main() -> None:
    """Measure for each size of embedding and print rates and shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--centres", type=int, default=25_000)
    given = parser.parse_args()
    some = ROWS * cores()  # as curation asks
    title = f"{given.faces:,} faces, {given.centres:,} centres, load {os.getloadavg()[0]:.1f} (medians of {ROUNDS})"
    table = Table("values a face", "seconds", "retrieval, Gflop/s", "products, Gflop/s", "share", title=title)
    for size in SIZES:
        faces, centres = unit_rows(given.faces, size, 3), unit_rows(given.centres, size, 4)
        rates, seconds = [], []
        for _ in range(ROUNDS):
            rates.append(product_rate(size))
            start = time.perf_counter()
            for first in range(0, len(faces), some):
                close(faces[first : first + some], centres, LEAST)
            seconds.append(time.perf_counter() - start)
        own, taken = statistics.median(rates), statistics.median(seconds)
        rate = 2 * given.faces * given.centres * size / taken
        table.add_row(str(size), f"{taken:.1f}", f"{rate / 1e9:.0f}", f"{own / 1e9:.0f}", f"{rate / own:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
