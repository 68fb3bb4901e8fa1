"""What the service answers when it does not do what was asked: one sentence, as RFC 9457 problem details."""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

from starlette.responses import Response

from components.packaging.metrics import REFUSALS

P = ParamSpec("P")
R = TypeVar("R")


class RefusalError(Exception):
    """A request that is refused: `what` is wrong, `why`, and the `remedy`, told with the status.

    `kind` is a word for programs, the status's own name without one; `retry` the seconds after which to come again.
    """

    def __init__(
        self, status: HTTPStatus, what: str, why: str, remedy: str, *, kind: str = "", retry: int | None = None
    ) -> None:
        super().__init__(f"{what} {why}; {remedy}.")
        self.status, self.what, self.why, self.remedy = status, what, why, remedy
        self.kind, self.retry = kind or status.name.lower().replace("_", "-"), retry

    def problem(self) -> dict[str, Any]:
        """The members of the problem details (RFC 9457)."""
        return {
            "type": f"urn:withanyone:{self.kind}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": str(self),
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
        }

    def response(self) -> Response:
        """The refusal as `application/problem+json`; counts it."""
        REFUSALS.labels(self.kind).inc()
        headers = {} if self.retry is None else {"Retry-After": str(self.retry)}
        return Response(json.dumps(self.problem()), self.status.value, headers, "application/problem+json")


def answer_refusals(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | Response]]:
    """Make `method` of a service answer a RefusalError instead of raising it."""

    @wraps(method)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        try:
            return await method(*args, **kwargs)
        except RefusalError as refusal:
            return refusal.response()

    return answer


def unfit(what: str, why: str, remedy: str) -> RefusalError:
    """The refusal of a field, or of what it holds, that breaks a rule."""
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, what, why, remedy)


def fault() -> RefusalError:
    """What is told of a fault of the program; the log has the trace."""
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, "The service", "has a fault", "tell its operator")
