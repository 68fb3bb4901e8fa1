"""Who may come in: the bearer of a token, or, where no token is set, a program on the same machine."""

import hashlib
import hmac
import ipaddress
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from components.packaging.orphans import or_end_the_server
from components.packaging.refusals import RefusalError
from components.packaging.settings import PREFIX, ServiceSettings
from model.errors import UserError

LEAST = 16  # characters of a token
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """ASGI middleware that answers 401 to everybody else. `free` are paths that anybody may read: probes and the page.

    Without tokens a request has to come from the loopback to the loopback by one of its names: one that a proxy passed
    on, or a web page of somewhere else, also by a name that its owner lets point here, is refused.
    """

    def __init__(self, app: ASGIApp, free: Collection[str], tokens: Path | None = None) -> None:
        """Reads the tokens' file, that of the settings unless given; one that holds none ends the server."""
        self.app, self.free = app, free
        with or_end_the_server():
            file = tokens or ServiceSettings.read().tokens
            self.digests = None if file is None else read_tokens(file)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not (scope["method"] in ("GET", "HEAD") and scope["path"] in self.free):
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> RefusalError | None:
        headers = Headers(scope=scope)
        if self.digests is None:
            remedy = f"name a file of tokens in {PREFIX}TOKENS and send one, or ask from the same machine"
            return None if _is_local(scope, headers) else _unauthorized("comes from elsewhere", remedy)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._known(token.strip()):
            return None
        return _unauthorized("carries no token that is known", "send the header Authorization: Bearer TOKEN")

    def _known(self, token: str) -> bool:
        """Compared by digest, with all of them, in a time that tells nothing."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(digest, known) for known in self.digests or ()]
        return any(matches)


def read_tokens(file: Path) -> list[bytes]:
    """The SHA-256 of each token in `file`, one a line; raises UserError where there is none or one is too short."""
    try:
        tokens = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{PREFIX}TOKENS names {file}, which cannot be read; give a text file, one token a line"
        ) from error
    if not tokens or min(map(len, tokens)) < LEAST:
        raise UserError(
            f"{PREFIX}TOKENS names {file}, which has to hold tokens of {LEAST} characters or more, one a line"
        )
    return [hashlib.sha256(token.encode()).digest() for token in tokens]


def _is_local(scope: Scope, headers: Headers) -> bool:
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip", "via"} & set(headers.keys())
    name = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    if headers.get("host", "").endswith("]"):
        name = headers["host"]
    ends = [scope.get(end) for end in ("client", "server")]
    ours = headers.get("origin", f"http://{headers.get('host')}") == f"http://{headers.get('host')}"  # browsers tell it
    return (
        not forwarded and ours and name in LOCAL_NAMES and all(end is not None and _is_loopback(end[0]) for end in ends)
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _unauthorized(why: str, remedy: str) -> RefusalError:
    return RefusalError(HTTPStatus.UNAUTHORIZED, "The request", why, remedy)
