"""Works through parts of photos, one part a core at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from model.cores import cores

AHEAD = 8  # parts a core that wait: more than one, so that no core waits for a slow part; few, for memory
Entry = TypeVar("Entry")
Item = TypeVar("Item")
Result = TypeVar("Result")


def through(parts: Iterable[Sequence[Entry]], work: Callable[[Sequence[Entry]], None]) -> Iterator[Entry]:
    """Yield each entry, in order, when `work` has done its part; what `work` raises ends it, and no new part begins."""

    def done(part: Sequence[Entry]) -> Sequence[Entry]:
        work(part)
        return part

    for part in results(parts, done):
        yield from part


def results(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """What `work` makes of each of `items`, in order; what it raises ends it, and no new item begins."""
    workers = cores()
    pool = ThreadPoolExecutor(workers)
    begun: deque[Future[Result]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) > AHEAD * workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
