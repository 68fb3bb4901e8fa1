"""Works through parts of photos, one part a core at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Entry = TypeVar("Entry")


def through(parts: Sequence[Sequence[Entry]], work: Callable[[Sequence[Entry]], None]) -> Iterator[Entry]:
    """Yield each entry, in order, when `work` has done its part; what `work` raises ends it, and no new part begins."""
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        futures = [pool.submit(work, part) for part in parts]
        for part, future in zip(parts, futures, strict=True):
            future.result()
            yield from part
    finally:
        pool.shutdown(cancel_futures=True)
