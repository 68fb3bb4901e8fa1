"""The door of the service: bodies are capped, typed and checked in form before anything of the service sees them."""

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.packaging import limits
from components.packaging.refusals import RefusalError
from components.packaging.requests import parse


class Door:
    """ASGI middleware that refuses what is too large, of another type or malformed, and passes on the rest unchanged.

    The framework behind it would parse other content types too: it spools uploads to disk and follows addresses in form
    fields. So JSON is the only type that passes.
    """

    def __init__(self, app: ASGIApp, forms: Mapping[str, type[BaseModel]]) -> None:
        """`forms` has the request of each path that takes one."""
        self.app, self.forms = app, forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            _check_headers(headers)
            body = await _read(receive)
            form = self.forms.get(scope["path"])
            if form is not None:
                parse(body, form)
        except RefusalError as refusal:
            response = refusal.response()
            response.headers["connection"] = "close"  # what is left of the body is not read
            await response(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


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


async def _read(receive: Receive) -> bytes:
    """The whole body, never more of it than the limit: a body may be longer than its header says, or not say."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limits.REQUEST_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _too_large() -> RefusalError:
    return RefusalError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The request",
        f"is larger than {limits.REQUEST_BYTES} bytes",
        "send fewer or smaller references",
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was already read, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
