"""The line before the device: one thread does the work in the order it came; who finds the line full is refused."""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from components.packaging.metrics import STAGE, WAITING
from components.packaging.refusals import RefusalError

R = TypeVar("R")

log = logging.getLogger(__name__)


class Ticket(Generic[R]):
    """A place in the line, from which its work can be watched and stopped. `progress` is a fraction 0..1.

    `asked` is what the work is about; tickets whose `alike` is the same, and not None, may be worked for together.
    """

    def __init__(self, seconds: float, asked: Any = None, alike: Hashable = None) -> None:
        self.asked, self.alike = asked, alike
        self.id = uuid.uuid4().hex
        self.since = time.monotonic()
        self.deadline = self.since + seconds
        self.progress = 0.0
        self.running = False
        self.stopped = threading.Event()
        self.future: Future[R] = Future()

    def step(self, done: int, steps: int) -> None:
        """Note a step of the work; raises RefusalError where the work was cancelled or its time is spent."""
        self.progress = done / steps
        if self.stopped.is_set():
            raise RefusalError(HTTPStatus.CONFLICT, "The request", "was cancelled", "send it again", kind="cancelled")
        if time.monotonic() > self.deadline:
            why = f"took longer than its {self.deadline - self.since:g} seconds"
            remedy = "ask for fewer pictures or steps, or try again later"
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "The request", why, remedy, kind="time-budget", retry=10)

    def cancel(self) -> None:
        """Take the work out of the line, or stop it at its next step."""
        self.stopped.set()


Outcomes = Sequence[R | BaseException]


class Line:
    """At most `waiting` tickets at a time, each with `seconds` to live, its wait included.

    Of tickets that are alike at most `together` are worked for at once.
    """

    def __init__(self, waiting: int, seconds: float, together: int = 1) -> None:
        self.waiting, self.seconds, self.together = waiting, seconds, together
        self._thread = ThreadPoolExecutor(1, "device")
        self._lock = threading.Lock()
        self._open: list[Ticket[Any]] = []
        self._usual = 1.0  # seconds of one piece of work, a moving mean
        self._closed = False

    def first(self, work: Callable[[], R]) -> R:
        """Do `work`, such as loading, before anybody joins, in the thread that will do all the rest.

        Computing in two threads by turns is slower by a quarter: each has OpenMP threads of its own, and as these are
        more than there are cores, none waits for its next piece of work awake.
        """
        return self._thread.submit(work).result()

    def join(self, work: Callable[[Ticket[R]], R]) -> Ticket[R]:
        """Put `work` at the end of the line; raises RefusalError where the line is full or closed."""
        return self._join(Ticket(self.seconds), lambda tickets: [work(tickets[0])])

    def join_alike(self, work: Callable[[Sequence[Ticket[R]]], Outcomes[R]], asked: Any, alike: Hashable) -> Ticket[R]:
        """As `join`, for work that is done for several tickets at once and gives what becomes of each."""
        return self._join(Ticket(self.seconds, asked, alike), work)

    def _join(self, ticket: Ticket[R], work: Callable[[Sequence[Ticket[R]]], Outcomes[R]]) -> Ticket[R]:
        with self._lock:
            self._refuse_where_full()
            self._open.append(ticket)
            WAITING.set(len(self._open))
            self._thread.submit(copy_context().run, self._serve, ticket, work)
        return ticket

    def _refuse_where_full(self) -> None:
        if self._closed:
            remedy = "send it again, another instance will take it"
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "The service", "is shutting down", remedy, retry=1)
        if len(self._open) >= self.waiting:
            retry = max(1, math.ceil(self._usual * len(self._open)))
            remedy = f"send it again in {retry} seconds"
            why = f"has {len(self._open)} requests in line, its most"
            raise RefusalError(HTTPStatus.TOO_MANY_REQUESTS, "The service", why, remedy, kind="queue-full", retry=retry)

    def ahead(self, ticket: Ticket[Any]) -> int:
        """How many tickets come before this one."""
        with self._lock:
            return self._open.index(ticket) if ticket in self._open else 0

    def idle(self) -> bool:
        """Whether nobody waits and nothing is being done."""
        return not self._open

    def later(self, work: Callable[[], None]) -> None:
        """Do `work` that nobody waits for, and only where the line is empty when its turn comes."""
        with self._lock:
            if not self._closed:
                self._thread.submit(copy_context().run, self._do_if_idle, work)

    def _do_if_idle(self, work: Callable[[], None]) -> None:
        try:
            if self.idle():
                work()
        except Exception:  # there is nobody to tell
            log.exception("a fault of the program")

    def close(self) -> None:
        """Take no more work, and return when what is in line is done."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(wait=True)

    def _serve(self, first: Ticket[R], work: Callable[[Sequence[Ticket[R]]], Outcomes[R]]) -> None:
        tickets = [ticket for ticket in self._turn(first) if self._begin(ticket)]
        if not tickets:
            return
        start = time.monotonic()
        try:
            outcomes = work(tickets)
        except BaseException as error:  # noqa: BLE001  (whatever it is, those who wait are told)
            outcomes = [error] * len(tickets)
        else:
            self._usual += 0.2 * ((time.monotonic() - start) / len(tickets) - self._usual)
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            self._end(ticket, outcome)

    def _turn(self, first: Ticket[R]) -> list[Ticket[R]]:
        """Whose turn it is with `first`; nobody's where it was worked for with one before it."""
        with self._lock:
            if first not in self._open:
                return []
            others = [] if first.alike is None else [one for one in self._open if one.alike == first.alike]
        return [first, *(one for one in others if one is not first)][: self.together]

    def _begin(self, ticket: Ticket[Any]) -> bool:
        """Whether anybody still waits for the ticket, in time."""
        if not ticket.future.set_running_or_notify_cancel():
            self._leave(ticket)
            return False
        STAGE.labels("wait").observe(time.monotonic() - ticket.since)
        try:
            ticket.step(0, 1)
        except RefusalError as refusal:
            self._end(ticket, refusal)
            return False
        ticket.running = True
        return True

    def _end(self, ticket: Ticket[R], outcome: R | BaseException) -> None:
        self._leave(ticket)
        if isinstance(outcome, BaseException):
            ticket.future.set_exception(outcome)
        else:
            ticket.progress = 1.0
            ticket.future.set_result(outcome)

    def _leave(self, ticket: Ticket[Any]) -> None:
        with self._lock:
            self._open.remove(ticket)
            WAITING.set(len(self._open))
