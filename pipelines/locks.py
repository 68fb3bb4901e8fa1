"""One process at a time: a lock that the system takes back when its holder is killed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import BusyError


@contextmanager
def only_user(file: Path, what: str, remedy: str = "wait for it") -> Iterator[None]:
    """Hold the lock `file` of the thing that `what` names. Raises BusyError while another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"Another process is changing {what}: {remedy}.") from None
        yield
