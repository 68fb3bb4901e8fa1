"""How many cores there are to work on."""

import math
import os
from pathlib import Path

SPINS = 10_000  # looks at whether the others are done before a thread of torch's goes to sleep

CGROUPS = Path("/sys/fs/cgroup")  # of this container, where there is one


def cores() -> int:
    """How many this process may use: those that it may run on, or fewer where its container has less time than they."""
    return max(1, math.ceil(min(_allowed(), _time())))


def limit_threads() -> None:
    """Let torch start no more threads, where it is not imported yet and nobody has told it how many.

    It starts one for each core that the process may run on. In a container with little time on a large machine, these
    wait for one another.
    """
    if cores() < _allowed():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))


def limit_waiting() -> None:
    """Let torch's threads soon sleep where others keep them waiting, unless somebody told them how to wait.

    It must not be imported yet. The library's own 300,000 looks (GOMP_SPINCOUNT) take longer than the scheduler's time
    slice: beside other programs, a thread that waits so keeps the one that it waits for off the core.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def _allowed() -> int:
    return len(os.sched_getaffinity(0))


def _time() -> float:
    """The cores' worth of time that the container's limit leaves it; infinite where it has none (cgroups(7))."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # version 2, and 1
        try:
            quota, period = " ".join((CGROUPS / file).read_text() for file in files).split()
            return int(quota) / int(period) if int(quota) > 0 else math.inf
        except (OSError, ValueError, ZeroDivisionError):  # no such file, or `max`
            continue
    return math.inf
