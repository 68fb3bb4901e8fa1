"""One process at a time: locks that the system takes back when their holder is killed."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from model.errors import BusyError

log = logging.getLogger(__name__)


@contextmanager
def only_user(file: Path, what: str, remedy: str = "wait for it") -> Iterator[None]:
    """Hold the lock `file` of the thing that `what` names. Raises BusyError while another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as handle:  # NFS shares a lock only with who may read the file
        while not _taken(handle, fcntl.LOCK_EX):
            if not _taken(handle, fcntl.LOCK_SH):  # what can be shared is looked at for a moment, by `in_use`
                raise BusyError(f"Another process is changing {what}: {remedy}.")
        yield


def in_use(file: Path) -> bool:
    """Whether a process holds the lock `file` now; to ask refuses it to nobody."""
    try:
        with file.open() as handle:
            return not _taken(handle, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


@contextmanager
def turn(file: Path, who: str) -> Iterator[None]:
    """Hold the lock `file`; waits while `who` has it."""
    with file.open("w") as handle:
        if not _taken(handle, fcntl.LOCK_EX):
            log.info("waiting for %s", who)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _taken(handle: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
