"""How many cores there are to work on."""

import os


def cores() -> int:
    """How many this process may use: in a container fewer than the machine has."""
    return len(os.sched_getaffinity(0))
