"""Downloads the photos of a list, many at a time, and takes up again what an earlier run has left."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager, closing
from itertools import islice
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from components.photos.urls.fetch import Fetcher, Outcome
from components.photos.urls.kept import stored_at, take_back, whole
from components.photos.urls.ledger import Ledger
from components.photos.urls.limits import Limits
from components.photos.urls.network import connection_pool
from components.photos.urls.refusal import FORGOTTEN, of_forgotten
from components.photos.urls.wanted import Wanted
from components.tombstones import Tombstones
from model.progress import track

log = logging.getLogger(__name__)


def download(wanted: Sequence[Wanted], work: Path, limits: Limits, forgotten: Tombstones) -> dict[str, Outcome]:
    """How each photo ended, by key; the pictures lie in `work` under `stored_at`. Raises OSError of the disk only.

    What `work` knows of an earlier download is not asked for again, except what failed for a passing reason and
    pictures that are gone. Photos of people who are `forgotten` are not asked for where they are known.
    """
    with closing(Ledger(work)) as book:
        barred = {outcome.key: outcome for outcome in _barred(wanted, book.known, forgotten)}
        for key in barred:
            stored_at(work, key).unlink(missing_ok=True)
        rest = [known for key, known in book.known.items() if key not in barred and known.reason != FORGOTTEN]
        take_back(work, [known for known in rest if not known.reason])
        done = barred | {known.key: known for known in rest if known.reason or whole(work, known)}
        # By key, which is as good as at random: neighbours in the list are often of one host, which would be crowded.
        missing = sorted((photo for photo in wanted if photo.key not in done), key=lambda photo: photo.key)
        if remembered := len(done) - len(barred):
            log.info("photos: %d of %d are there from an earlier run", remembered, len(wanted))
        for outcome in track(_outcomes(missing, work, limits, forgotten.photos), "photos", len(missing), "photo"):
            book.add(outcome)
            done[outcome.key] = outcome
    return done


def _barred(wanted: Sequence[Wanted], known: Mapping[str, Outcome], forgotten: Tombstones) -> Iterator[Outcome]:
    """The refusals of photos that bear a forgotten person's name, or were seen to be theirs before."""
    for photo in wanted if forgotten.people else ():
        photo_id = known[photo.key].photo_id if photo.key in known else ""
        if photo_id in forgotten.photos or forgotten.named("", photo.person):
            yield Outcome.refused(photo.key, of_forgotten(photo_id))


def tally(reasons: Sequence[str]) -> str:
    """The reasons with their counts, most frequent first: `12 http_404, 3 opted_out`, or `none`."""
    return ", ".join(f"{number} {reason}" for reason, number in Counter(sorted(reasons)).most_common()) or "none"


def _outcomes(missing: Sequence[Wanted], work: Path, limits: Limits, barred: Collection[str]) -> Iterator[Outcome]:
    """The outcomes as they come; as many photos are under way as there may be connections."""
    running_fetcher = _fetcher(work, limits, barred)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running_fetcher) as fetcher:

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
async def _fetcher(work: Path, limits: Limits, barred: Collection[str]) -> AsyncIterator[Fetcher]:
    async with connection_pool(limits.connections, limits.allow_private) as pool:
        yield Fetcher(pool, limits, work, barred)
