"""Progress of long work: a bar with rate and time left on a terminal, plain log lines elsewhere."""

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 15.0
log = logging.getLogger(__name__)


def speaks() -> bool:
    """Whether this process tells how work is going: of those that torch's launcher starts here, the first does."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def track(iterable: Iterable[Item], description: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield the items of `iterable` while showing how far it is, the rate in `unit` a second and the time left."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if not speaks():
        yield from iterable
        return
    console = Console(stderr=True)
    if console.is_terminal and sys.stderr.isatty():
        yield from _bar(iterable, description, total, unit, console)
    else:
        yield from _lines(iterable, description, total, unit)


def _bar(iterable: Iterable[Item], description: str, total: int | None, unit: str, console: Console) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task(description, total=total, rate="")
        for done, item in enumerate(iterable, 1):
            yield item
            progress.update(task, completed=done, rate=_rate(done, time.monotonic() - start, unit))


def _lines(iterable: Iterable[Item], description: str, total: int | None, unit: str) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            seconds = now - start
            left = f", {timedelta(seconds=round((total - done) * seconds / done))} left" if total else ""
            rate = _rate(done, seconds, unit)
            log.info("%s: %d%s (%s%s)", description, done, f" of {total}" if total else "", rate, left)
    log.info("%s: %d done in %.1f s", description, done, time.monotonic() - start)


def _rate(done: int, seconds: float, unit: str) -> str:
    """How fast `done` of a unit came: in units a second, or where that is less than one in seconds a unit."""
    return f"{done / seconds:.1f} {unit}/s" if done >= seconds > 0 else f"{seconds / done:.1f} s/{unit}"
