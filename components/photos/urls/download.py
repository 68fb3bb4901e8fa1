"""Downloads the photos of a list, many at a time, and takes up again what an earlier run has left."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from components.photos.urls.fetch import Fetcher, Outcome
from components.photos.urls.ledger import ledger
from components.photos.urls.limits import Limits
from components.photos.urls.network import connection_pool
from components.photos.urls.wanted import Wanted
from model.progress import track

log = logging.getLogger(__name__)


def download(wanted: Sequence[Wanted], work: Path, limits: Limits) -> dict[str, Outcome]:
    """How each photo ended, by key; the pictures lie in `work` under `stored_at`. Raises OSError of the disk only.

    What `work` holds of an earlier download is not asked for again, except what failed for a passing reason.
    """
    with ledger(work) as book:
        done = book.known
        for lost in [key for key, outcome in done.items() if not (outcome.reason or _whole(work, outcome))]:
            del done[lost]
        # By key, which is as good as at random: neighbours in the list are often of one host, which would be crowded.
        missing = sorted((photo for photo in wanted if photo.key not in done), key=lambda photo: photo.key)
        if done:
            log.info("photos: %d of %d are there from an earlier run", len(done), len(wanted))
        for outcome in track(_outcomes(missing, work, limits), "photos", len(missing), "photo"):
            book.add(outcome)
            done[outcome.key] = outcome
    return done


def stored_at(work: Path, key: str) -> Path:
    """Where the picture of the photo `key` lies."""
    return work / key[:2] / key


def _whole(work: Path, outcome: Outcome) -> bool:
    """Whether the picture is still there in its full size, which a crash of the machine may have cost it."""
    path = stored_at(work, outcome.key)
    return path.is_file() and path.stat().st_size == outcome.size


def tally(reasons: Sequence[str]) -> str:
    """The reasons with their counts, most frequent first: `12 http_404, 3 opted_out`, or `none`."""
    return ", ".join(f"{number} {reason}" for reason, number in Counter(sorted(reasons)).most_common()) or "none"


def _outcomes(missing: Sequence[Wanted], work: Path, limits: Limits) -> Iterator[Outcome]:
    """The outcomes as they come; as many photos are under way as there may be connections."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_fetcher(work, limits)) as fetcher:

        def start(count: int) -> set[Future[Outcome]]:
            return {portal.start_task_soon(fetcher.fetch, photo) for photo in islice(queue, count)}

        queue = iter(missing)
        running = start(limits.connections)
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            running |= start(len(ended))
            for future in ended:
                yield future.result()


@asynccontextmanager
async def _fetcher(work: Path, limits: Limits) -> AsyncIterator[Fetcher]:
    async with connection_pool(limits.connections, limits.allow_private) as pool:
        yield Fetcher(pool, limits, work)
