"""Times several ways of doing one thing side by side: taken in turn, medians, ratios to the first."""

import statistics
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table


def side_by_side(title: str, ways: Mapping[str, Callable[[], object]], rounds: int = 9) -> dict[str, float]:
    """Median seconds of each way over `rounds` turns after one to warm up; prints them with ratios to the first way."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                taken[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    first = next(iter(medians.values()))
    table = Table("way", "median, ms", "times as fast", title=f"{title} ({rounds} turns)")
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds * 1000:.1f}", f"{first / seconds:.2f}")
    Console().print(table)
    return medians
