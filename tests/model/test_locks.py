"""Locks are refused to the second and to nobody else, and are free again when their holder is killed."""

import errno
import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from model.errors import BusyError
from model.locks import in_use, only_user

HOLDS = "with only_user(file, 'it'): print('in', flush=True); sys.stdin.readline()"
LOOKS = "print('in', flush=True)\nwhile True: in_use(file)"


@contextmanager
def another(does: str, file: Path) -> Iterator[None]:
    """Another process that does so with the lock `file`, killed at the end."""
    program = f"import sys; from pathlib import Path; from model.locks import *; file = Path(sys.argv[1])\n{does}"
    command = [sys.executable, "-c", program, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        try:
            yield
        finally:
            process.kill()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not in_use(file)
    with another(HOLDS, file):
        assert in_use(file)
        with pytest.raises(BusyError, match="Another process is changing it: wait"), only_user(file, "it"):
            pass
    assert not in_use(file)
    with only_user(file, "it"):
        assert in_use(file)


def test_to_look_whether_a_lock_is_in_use_refuses_it_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    with another(LOOKS, file), another(LOOKS, file):
        for _ in range(2000):
            with only_user(file, "it"):
                pass


def test_locks_are_asked_for_as_nfs_gives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, flock = tmp_path / "lock", fcntl.flock

    def of_nfs(handle: IO[str], kind: int) -> None:
        """As flock(2) says: a shared lock is of who may read, an exclusive one of who may write."""
        if not (handle.writable() if kind & fcntl.LOCK_EX else handle.readable()):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(handle, kind)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    with another(HOLDS, file):
        assert in_use(file)
        with pytest.raises(BusyError), only_user(file, "it"):
            pass
