"""What the service answers when it does not do what was asked: one sentence, as RFC 9457 problem details."""

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from starlette.responses import Response

P = ParamSpec("P")
R = TypeVar("R")


class RefusalError(Exception):
    """A request that is refused: `what` is wrong, `why`, and the `remedy`, told with a 4xx status."""

    def __init__(self, status: HTTPStatus, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what} {why}; {remedy}.")
        self.status, self.what, self.why, self.remedy = status, what, why, remedy

    def response(self) -> Response:
        """The refusal as `application/problem+json`."""
        parts = {"what": self.what, "why": self.why, "remedy": self.remedy}
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": str(self),
            **parts,
        }
        return Response(json.dumps(body), status_code=self.status.value, media_type="application/problem+json")


def answer_refusals(method: Callable[P, R]) -> Callable[P, R | Response]:
    """Make `method` of a service answer a RefusalError instead of raising it."""

    @wraps(method)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        try:
            return method(*args, **kwargs)
        except RefusalError as refusal:
            return refusal.response()

    return answer
