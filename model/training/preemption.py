"""SIGTERM as a request to make room, answered at once or after the step that is running."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from model.errors import Preempted


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yield what says whether this process was sent SIGTERM since the block began; outside the main thread, never."""
    noted = threading.Event()
    with answered_by(noted.set):
        yield noted.is_set


@contextmanager
def stopped_at_once(work: str) -> Iterator[None]:
    """Let SIGTERM end the block with `Preempted`, for `work` that keeps each part when it is done."""

    def stop() -> None:
        raise _Stopped

    try:
        with answered_by(stop):
            yield
    except _Stopped:
        raise Preempted(f"{work} was stopped, as asked; what is done is kept: start it again to go on.") from None


class _Stopped(BaseException):
    """What begins anywhere in a block must get out of it: logging, for one, keeps every `Exception` to itself."""


@contextmanager
def answered_by(answer: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM call `answer`; outside the main thread, where Python takes no signals, it does as ever."""

    def take(_signal: int, _frame: FrameType | None) -> None:
        answer()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, take)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
