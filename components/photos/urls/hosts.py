"""How one host wants to be asked: what its robots.txt allows, how many requests at a time, and when it begs a pause."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio
import httpcore
import httpx
from protego import Protego

from components.photos.urls.exchange import Budget, ask, header, redirect, with_patience
from components.photos.urls.limits import Limits
from components.photos.urls.opt_out import TOKEN
from components.photos.urls.refusal import RefusedError

ROBOTS_BYTES = 512 * 1024  # RFC 9309 asks for 500 KiB at least; what is beyond is not read


class Host:
    """One scheme, host and port; its robots.txt is read once, before the first photo."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, limits: Limits) -> None:
        self.pool = pool
        self.limits = limits
        self.places = anyio.Semaphore(limits.per_host)
        self.reading = anyio.Lock()
        self.rules: Protego | RefusedError | None = None
        self.free_at = 0.0  # on the clock of the event loop

    async def permit(self, url: httpx.URL) -> None:
        """Return when robots.txt allows `url`; raises `RefusedError` when it does not, or could not be read."""
        async with self.reading:
            if self.rules is None:
                self.rules = await self._read_rules(url.copy_with(raw_path=b"/robots.txt"))
        if isinstance(self.rules, RefusedError):
            raise RefusedError(self.rules.reason, str(self.rules))
        if not self.rules.can_fetch(str(url), TOKEN):
            raise RefusedError("robots_disallowed", f"the robots.txt of {url.host} does not allow it")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place among the requests to this host, and for the pause that it asked for."""
        async with self.places:
            await self._rest()
            self._pause(self._delay())
            yield

    def pause_as_asked(self, response: httpcore.Response) -> None:
        """Begin no request to this host for as long as the answer's `Retry-After` asks, or the longest wait."""
        self._pause(pause_asked(header(response, "retry-after"), datetime.now(UTC)))

    async def _rest(self) -> None:
        while (left := self.free_at - anyio.current_time()) > 0:  # noqa: ASYNC110  (others may prolong the pause)
            await anyio.sleep(left)

    def _pause(self, seconds: float) -> None:
        until = anyio.current_time() + min(seconds, self.limits.longest_wait)
        self.free_at = max(self.free_at, until)

    def _delay(self) -> float:
        asked = self.rules.crawl_delay(TOKEN) if isinstance(self.rules, Protego) else None
        return max(0.0, float(asked or 0))

    async def _read_rules(self, url: httpx.URL) -> Protego | RefusedError:
        """The rules, or what every photo of the host is refused with.

        RFC 9309, 2.3.1: a file that is not there (4xx) allows all; one that cannot be had (5xx, no connection, and
        also 429) forbids all. A text that no parser understands forbids all, too.
        """
        try:
            text = await with_patience(self.limits, self._read, url)
            return Protego.parse(text)
        except RefusedError as error:
            reason = "robots_unreachable" if error.reason.startswith("http_") else error.reason
            return RefusedError(reason, f"its robots.txt, which comes first, cannot be had: {error}")
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            return RefusedError("robots_disallowed", f"the robots.txt of {url.host} cannot be understood: {error}")

    async def _read(self, url: httpx.URL) -> str:
        await self._rest()
        budget = Budget(self.limits.seconds)
        for _ in range(self.limits.redirects + 1):
            with budget.spending():
                async with ask(self.pool, url, self.limits) as response:
                    following = redirect(url, response)
                    if following is None:
                        return await self._text(url, response)
                    url = following
        return ""  # RFC 9309, 2.3.1.2: after five redirects it counts as not there

    async def _text(self, url: httpx.URL, response: httpcore.Response) -> str:
        status = response.status
        if status == 429 or status >= 500:
            self.pause_as_asked(response)
            raise RefusedError(f"http_{status}", f"{url.host} answered {status}", again=True)
        if status >= 400:
            return ""
        if header(response, "content-encoding") not in ("", "identity"):
            raise RefusedError("robots_unreachable", f"{url.host} sent it packed, which was not asked for")
        data = bytearray()
        async for piece in response.aiter_stream():
            data += piece
            if len(data) >= ROBOTS_BYTES:
                break
        return data[:ROBOTS_BYTES].decode("utf-8-sig", "replace")


def pause_asked(value: str, now: datetime) -> float:
    """Seconds that a `Retry-After` header asks for, as a number or a date (RFC 9110, 10.2.3); 0 for anything else."""
    if value.isdecimal() and value.isascii():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
        return max(0.0, (date.astimezone(UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
