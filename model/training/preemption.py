"""SIGTERM as a request to make room: noted when it comes, answered after the step that is running."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yield what says whether this process was sent SIGTERM since the block began.

    Outside the main thread, where Python takes no signals, it never was.
    """
    noted = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        noted.set()

    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
