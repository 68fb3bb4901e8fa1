"""The door of the service: bodies are capped, typed and checked in form before anything of the service sees them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.packaging import limits
from components.packaging.refusals import RefusalError
from components.packaging.requests import parse

GONE: ContextVar[asyncio.Event] = ContextVar("gone")  # set once nobody waits for the answer to the request


class Door:
    """ASGI middleware that refuses what is too large, of another type or malformed, and passes on the rest unchanged.

    The framework behind it would parse other content types too: it spools uploads to disk and follows addresses in form
    fields. So JSON is the only type that passes.
    """

    def __init__(self, app: ASGIApp, forms: Mapping[str, type[BaseModel]]) -> None:
        """`forms` has the request of each path that takes one."""
        self.app, self.forms = app, forms
        self.held = 0  # bytes of all bodies that are being read or answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = _in_our_form(scope, receive, send)
        if scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        try:
            _check_headers(Headers(scope=scope))
            async with _in_time():
                await self._read(receive, body)
            form = self.forms.get(scope["path"]) if scope["method"] == "POST" else None
            if form is not None:
                parse(bytes(body), form)
            async with _watched(receive) as gone:
                # What takes no form is given no body: the framework would log what it cannot read.
                await self.app(scope, _replay(bytes(body) if form else b"", gone), send)
        except RefusalError as refusal:
            response = refusal.response()
            response.headers["connection"] = "close"  # what is left of the body is not read
            await response(scope, receive, send)
        finally:
            self.held -= len(body)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Read the whole body, never more of it than the limit: it may be longer than its header says, or not say."""
        while True:
            message = await receive()
            part = message.get("body", b"")
            body += part
            self.held += len(part)
            if len(body) > limits.REQUEST_BYTES:
                raise _too_large()
            if self.held > limits.HELD_BYTES:
                why, status = "holds as many bytes of requests as it may", HTTPStatus.TOO_MANY_REQUESTS
                raise RefusalError(status, "The service", why, "send it again in a second", kind="bytes-full", retry=1)
            if not message.get("more_body", False):
                return


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            yield
    except TimeoutError:
        why = f"did not arrive within {limits.BODY_SECONDS} seconds"
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "The body", why, "send it faster") from None


def _check_headers(headers: Headers) -> None:
    if headers.get("content-type", "application/json").partition(";")[0].strip().lower() != "application/json":
        raise RefusalError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body",
            "is not declared as JSON",
            "send it with Content-Type: application/json",
        )
    if headers.get("content-encoding", "identity") != "identity":
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body", "is compressed", "send it as it is")
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limits.REQUEST_BYTES:
        raise _too_large()


def _too_large() -> RefusalError:
    return RefusalError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The request",
        f"is larger than {limits.REQUEST_BYTES} bytes",
        "send fewer or smaller references",
    )


def _in_our_form(scope: Scope, receive: Receive, send: Send) -> Send:
    """A `send` that refuses as all else does where the framework says in bare words that there is no such thing."""
    replaced = False

    async def told(message: Message) -> None:
        nonlocal replaced
        refusal = _not_there(scope["method"], message) if message["type"] == "http.response.start" else None
        if refusal is not None:
            replaced = True
            response = refusal.response()
            response.raw_headers += [(name, value) for name, value in message["headers"] if name == b"allow"]
            await response(scope, receive, send)
        elif not replaced:
            await send(message)

    return told


def _not_there(method: str, start: Message) -> RefusalError | None:
    headers = Headers(raw=start["headers"])
    if not headers.get("content-type", "").startswith("text/plain"):
        return None
    if start["status"] == HTTPStatus.NOT_FOUND:
        remedy = "/schema shows those that are"
        return RefusalError(HTTPStatus.NOT_FOUND, "The path", "is not known", remedy)
    if start["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
        remedy = f"use {headers.get('allow', 'another')}"
        return RefusalError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"The method {method[:10]}", "is not taken at this path", remedy
        )
    return None


@asynccontextmanager
async def _watched(receive: Receive) -> AsyncIterator[asyncio.Event]:
    """An event, `GONE` for what answers the request, that is set where its sender hangs up."""
    gone = asyncio.Event()

    async def watch() -> None:
        if (await receive())["type"] == "http.disconnect":  # nothing else comes after a body
            gone.set()

    token, watching = GONE.set(gone), asyncio.create_task(watch())
    try:
        yield gone
    finally:
        watching.cancel()
        GONE.reset(token)


def _replay(body: bytes, gone: asyncio.Event) -> Receive:
    """A `receive` that gives the body that was already read, then tells when its sender is gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        if waiting:
            return waiting.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return replayed
