"""Faults of a command that Airflow started: its supervisor, itself or its lock come to harm, or it is started twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dags import command, supervisor

Fault = tuple[str, Callable[[Path], None]]
PROGRAM = "import os, sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(float(sys.argv[2])); print('done')"


def words(folder: Path, seconds: float) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(folder / "begun"), str(seconds)]


def begin(folder: Path, seconds: float) -> "subprocess.Popen[bytes]":
    """A supervisor at work on a command that takes so long."""
    program = [sys.executable, str(supervisor.__file__), str(folder), *words(folder, seconds)]
    process = subprocess.Popen(program, start_new_session=True)
    while not (folder / "begun").exists():
        time.sleep(0.02)
    return process


def ended(folder: Path) -> None:
    """The plain retry, as the operator does it: join what is at work, else start again; then the result is there."""
    while command._held(folder):
        time.sleep(0.05)
    if command._code(folder) != 0:
        assert supervisor.supervise(folder, words(folder, 0)) == 0
    assert command._code(folder) == 0
    assert (folder / "out").read_text() == "done\n"


def both_killed(folder: Path) -> None:
    process = begin(folder, 30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ended(folder)
    assert (folder / "begun").read_text() == "xx"


def supervisor_killed(folder: Path) -> None:
    process = begin(folder, 2)
    process.kill()
    process.wait()
    assert command._held(folder), "the command is at work and nobody knows"
    ended(folder)


def started_twice(folder: Path) -> None:
    process = begin(folder, 2)
    assert supervisor.supervise(folder, words(folder, 0)) == 75
    assert process.wait() == 0
    ended(folder)
    assert (folder / "begun").read_text() == "x"


def broken_lock(folder: Path) -> None:
    (folder / "lock").write_bytes(b"\0garbage")
    (folder / "code").write_text("137")
    ended(folder)


def faults() -> Iterator[Fault]:
    yield "job: kill -9 of command and supervisor", both_killed
    yield "job: kill -9 of the supervisor alone", supervisor_killed
    yield "job: started twice", started_twice
    yield "job: corrupt lock, an old exit code", broken_lock
