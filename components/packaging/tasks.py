"""Orders that are not waited for: given a number, watched, fetched or cancelled; kept in memory for some minutes."""

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from components.packaging import limits
from components.packaging.line import Line, Ticket
from components.packaging.refusals import RefusalError, fault

Files = list[bytes]

log = logging.getLogger(__name__)


class Tasks:
    """The tasks by their number; of finished ones the last `keep`, none for longer than `seconds`."""

    def __init__(
        self,
        line: Line,
        keep: int = limits.TASKS,
        seconds: float = limits.TASK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.line, self.keep, self.seconds, self.clock = line, keep, seconds, clock
        self._tickets: dict[str, Ticket[Files]] = {}
        self._ended: dict[str, float] = {}  # in the order of ending
        self._lock = threading.Lock()

    def add(self, ticket: Ticket[Files]) -> str:
        """Keep `ticket`; returns its number, which cannot be guessed."""
        with self._lock:
            self._tickets[ticket.id] = ticket
        ticket.future.add_done_callback(lambda _: self._end(ticket))
        self._forget()
        return ticket.id

    def _end(self, ticket: Ticket[Files]) -> None:
        """Note the end. What was sent is let go of: the ticket has it, and so have the frames of an error."""
        ticket.asked = None
        error = None if ticket.future.cancelled() else ticket.future.exception()
        if error is not None:
            if not isinstance(error, RefusalError):
                log.error("a fault of the program", exc_info=error)
            error.__traceback__ = error.__cause__ = error.__context__ = None
        with self._lock:
            self._ended[ticket.id] = self.clock()

    def _forget(self) -> None:
        now = self.clock()
        with self._lock:
            spare = len(self._ended) - self.keep
            old = [n for i, (n, since) in enumerate(self._ended.items()) if i < spare or now - since > self.seconds]
            for number in old:
                del self._ended[number]
                self._tickets.pop(number, None)

    def told(self, number: str) -> dict[str, Any]:
        """State, progress and pictures of a task; raises RefusalError for a number that is not known."""
        ticket = self._find(number)
        about: dict[str, Any] = {"id": number, "state": state(ticket), "progress": round(ticket.progress, 3)}
        if about["state"] == "waiting":
            about["ahead"] = self.line.ahead(ticket)
        if about["state"] == "done":
            about["pictures"] = [f"/tasks/{number}/pictures/{n}" for n in range(len(ticket.future.result()))]
        if about["state"] == "failed":
            error = ticket.future.exception()
            about["problem"] = error.problem() if isinstance(error, RefusalError) else fault().problem()
        return about

    def picture(self, number: str, index: int) -> bytes:
        """A picture of a finished task, a PNG file; raises RefusalError where there is none."""
        ticket = self._find(number)
        if state(ticket) != "done":
            raise RefusalError(HTTPStatus.CONFLICT, "The task", f"is {state(ticket)}", f"look at /tasks/{number} first")
        files = ticket.future.result()
        if not 0 <= index < len(files):
            raise RefusalError(HTTPStatus.NOT_FOUND, "The task", f"has {len(files)} pictures", "count them from 0")
        return files[index]

    def cancel(self, number: str) -> dict[str, Any]:
        """Stop a task at its next step; one that has ended stays as it is."""
        self._find(number).cancel()
        return self.told(number)

    def _find(self, number: str) -> Ticket[Files]:
        self._forget()
        with self._lock:
            ticket = self._tickets.get(number)
        if ticket is None:
            why = f"is not known; finished ones are kept for {self.seconds:g} seconds"
            raise RefusalError(HTTPStatus.NOT_FOUND, "The task", why, "send the order again")
        return ticket


def state(ticket: Ticket[Any]) -> str:
    """`waiting`, `running`, `done`, `failed` or `cancelled`."""
    if not ticket.future.done():
        if ticket.stopped.is_set():
            return "cancelled"
        return "running" if ticket.running else "waiting"
    if ticket.future.cancelled():
        return "cancelled"
    error = ticket.future.exception()
    if error is None:
        return "done"
    return "cancelled" if getattr(error, "kind", "") == "cancelled" else "failed"
