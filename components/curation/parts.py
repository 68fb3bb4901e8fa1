"""Works through parts of photos, one part a core at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Photo = TypeVar("Photo")


def through(parts: Sequence[Sequence[Photo]], work: Callable[[Sequence[Photo]], None]) -> Iterator[Photo]:
    """Yield each photo, in order, when `work` has done its part; what `work` raises ends it, and no new part begins."""
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        futures = [pool.submit(work, part) for part in parts]
        for part, future in zip(parts, futures, strict=True):
            future.result()
            yield from part
    finally:
        pool.shutdown(cancel_futures=True)
