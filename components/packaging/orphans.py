"""A worker and the server that started it end together: neither keeps a port at which nothing can be had."""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bentoml import server_context

from model.errors import UserError

SECONDS = 1.0  # between two looks
UNUSABLE = 3  # exit code, as of our command line, where what was given cannot be used
SAID = signal.SIGUSR1  # to the server by its worker: nothing can be had here

log = logging.getLogger(__name__)


def end_with_parent() -> None:
    """From now on, end this process as SIGTERM does once its parent is gone, which would leave it answering on."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def end_with_its_code() -> None:
    """Where this process is the server, let it end with `UNUSABLE`, and not with 0, once its worker says so."""
    said: list[int] = []

    def stop(number: int, _: object) -> None:
        said.append(number)
        signal.raise_signal(signal.SIGTERM)

    if server_context.worker_index is None and threading.current_thread() is threading.main_thread():
        signal.signal(SAID, stop)
        atexit.register(lambda: said and os._exit(UNUSABLE))


@contextmanager
def or_end_the_server() -> Iterator[None]:
    """Where a UserError is raised, log its sentence and end this process and its parent, which would start it anew.

    In a process that no server started it goes on, as the parent is somebody else's.
    """
    try:
        yield
    except UserError as error:
        if server_context.worker_index is None:
            raise
        log.error("%s", error)
        sys.stdout.flush()
        os.kill(os.getppid(), SAID)
        os._exit(UNUSABLE)
