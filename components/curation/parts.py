"""Works through parts of photos, one part a core at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 8  # parts a core that wait: more than one, so that no core waits for a slow part; few, for memory
Entry = TypeVar("Entry")


def through(parts: Iterable[Sequence[Entry]], work: Callable[[Sequence[Entry]], None]) -> Iterator[Entry]:
    """Yield each entry, in order, when `work` has done its part; what `work` raises ends it, and no new part begins."""
    cores = len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(cores)
    begun: deque[tuple[Sequence[Entry], Future[None]]] = deque()

    def done() -> Sequence[Entry]:
        part, future = begun.popleft()
        future.result()
        return part

    try:
        for part in parts:
            begun.append((part, pool.submit(work, part)))
            if len(begun) > AHEAD * cores:
                yield from done()
        while begun:
            yield from done()
    finally:
        pool.shutdown(cancel_futures=True)
