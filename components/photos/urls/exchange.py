"""One request: bounded in time, repeated with growing pauses, its failures told apart; and where a redirect leads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import TypeVar

import anyio
import httpcore
import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from components.addresses import web_address
from components.photos.urls.limits import Limits
from components.photos.urls.opt_out import TOKEN
from components.photos.urls.refusal import RefusedError
from model.network import why_no_answer

Result = TypeVar("Result")
HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": f"{TOKEN}/{version('withanyone')} (collects photos for training image generation)",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",
}
REDIRECTS = (301, 302, 303, 307, 308)


class Budget:
    """The seconds that the requests for one photo may still take together."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self.whole = seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Bound what is awaited inside by the seconds left; raises `RefusedError` (timeout) when they run out."""
        start = anyio.current_time()
        try:
            with anyio.fail_after(max(0.0, self.left)):
                yield
        except TimeoutError as error:
            raise RefusedError("timeout", f"it took longer than {self.whole:g} s") from error
        finally:
            self.left -= anyio.current_time() - start


@asynccontextmanager
async def ask(pool: httpcore.AsyncConnectionPool, url: httpx.URL, limits: Limits) -> AsyncIterator[httpcore.Response]:
    """Send GET `url` and yield the answer, its body still unread; failures of the network become `RefusedError`."""
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    silence = {"connect": limits.silence, "read": limits.silence, "write": limits.silence}
    try:
        async with pool.stream("GET", target, headers=HEADERS, extensions={"timeout": silence}) as response:
            yield response
    except httpcore.TimeoutException as error:
        raise RefusedError("timeout", f"{url.host} was silent for {limits.silence:g} s", again=True) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        detail = f"the connection to {url.host} failed: {why_no_answer(error)}"
        raise RefusedError("unreachable", detail[:300], again=True) from error


async def with_patience(limits: Limits, attempt: Callable[..., Awaitable[Result]], *arguments: object) -> Result:
    """The result of the coroutine function `attempt`, called again, later and later, after refusals with `again`."""
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, RefusedError) and error.again),
        stop=stop_after_attempt(limits.attempts),
        wait=wait_exponential_jitter(multiplier=limits.first_wait, max=limits.longest_wait, jitter=limits.first_wait),
        sleep=anyio.sleep,
        reraise=True,
    )
    return await retrying(attempt, *arguments)


def redirect(url: httpx.URL, response: httpcore.Response) -> httpx.URL | None:
    """Where the answer sends us, None when it is no redirect; raises `RefusedError` for anything but http(s)."""
    if response.status not in REDIRECTS:
        return None
    place = header(response, "location")
    try:
        following = web_address(str(url.join(place))) if place else None
    except (httpx.InvalidURL, ValueError):
        following = None
    if following is None:
        raise RefusedError(
            "bad_redirect", f"{url.host} redirects to {place[:200]!r}, which is no http or https address"
        )
    return following


def header(response: httpcore.Response, name: str) -> str:
    """The value of the first header of that name (lower case), or ""."""
    return next((value for field, value in headers(response) if field == name), "")


def headers(response: httpcore.Response) -> list[tuple[str, str]]:
    """All headers in their order, names in lower case; bytes beyond ASCII as Latin-1, as HTTP has it."""
    return [(field.decode("latin-1").lower(), value.decode("latin-1").strip()) for field, value in response.headers]
