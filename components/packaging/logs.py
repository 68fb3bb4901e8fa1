"""Structured logs: one JSON object a line, with the id of the request that it belongs to. Nothing that was sent."""

import logging
import re
import sys
import time
import uuid
from collections.abc import Collection

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.packaging.metrics import REQUEST
from components.packaging.refusals import fault

HEADER = "X-Request-ID"
QUIET = ("/livez", "/readyz", "/healthz", "/metrics")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TASK = re.compile(r"/tasks/[^/]+")
_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

log = logging.getLogger(__name__)


def write_json_lines() -> None:
    """Make every logger of this process write JSON lines to standard output."""
    render: list[structlog.types.Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED, processors=[*render, structlog.processors.JSONRenderer()]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in ("bentoml", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # it would say the same, with the numbers of tasks


class Named:
    """ASGI middleware that gives each request an id, its own if it brings a plain one, and tells how it was answered.

    The log has each answer, and the metrics how many there were of each of `paths`; all others count as one.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str] = ()) -> None:
        self.app, self.paths = app, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        brought = Headers(scope=scope).get(HEADER, "")
        name = brought if _ID.fullmatch(brought) else uuid.uuid4().hex
        status, start = 500, time.perf_counter()

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        with structlog.contextvars.bound_contextvars(request=name):
            try:
                await self.app(scope, receive, named)
            except Exception:  # answered here: the framework would let the client wait until it gives up
                log.exception("a fault of the program")
                await fault().response()(scope, receive, named)
            finally:
                if scope["path"] not in QUIET:
                    path = _TASK.sub("/tasks/*", scope["path"][:100])  # who knows a number may fetch the pictures
                    facts = {"method": scope["method"], "path": path, "status": status}
                    seconds = time.perf_counter() - start
                    log.info("answered", extra={**facts, "seconds": round(seconds, 4)})
                    REQUEST.labels(self._counted(path), status).observe(seconds)

    def _counted(self, path: str) -> str:
        """What the metrics call a path: there must not be more of them the more requests come."""
        if path.startswith("/tasks/"):
            return "/tasks/*"
        return path if path in self.paths else "other"
