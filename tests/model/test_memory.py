"""Memory that is kept: a tensor that is made again and again costs no new pages. And such as is given back."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from model.memory import keep_memory

def faults():
    for _ in range(20):
        torch.ones(10_000_000)  # 40 MB, above what glibc ever keeps by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(10_000_000)  # 40 MB, above what glibc ever keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_memory()
print(given_back, faults())
"""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the C library is asked, and only glibc has mallopt")


def said(program: str, *words: str) -> list[int]:
    """The numbers that the program prints."""
    command = [sys.executable, "-c", program, *words]
    return list(map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


def test_what_is_freed_is_not_asked_for_again() -> None:
    given_back, kept = said(PROGRAM)
    assert given_back > 10 * max(kept, 1)


AMONG = """
import numpy as np
from model.memory import give_back_memory

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024

def left():
    before = resident()
    large, small = [], []
    for _ in range(20):
        large.append(np.ones(1_000_000))  # 8 MB
        small.append(np.ones(5000))
    del large
    return resident() - before

np.ones(4_000_000)  # 32 MB: from now on smaller ones lie among the small
kept = left()
give_back_memory()
print(kept, left())
"""


def test_a_large_array_is_given_back_whatever_small_ones_stay() -> None:
    kept, given_back = said(AMONG)
    assert kept > 100
    assert given_back < 10


THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import numpy as np
from model.memory import give_back_memory

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) // 1024

def small_ones(_):
    large, small = [], []
    together.wait()
    for _ in range(100):
        large.append(np.ones(25_000))  # 0.2 MB
        small.append(np.ones(500))
    together.wait()
    return small

together = Barrier(4)
if sys.argv[1:]:
    give_back_memory()
with ThreadPoolExecutor(4) as pool:
    stays = list(pool.map(small_ones, range(4)))
before = resident()
again = [np.ones(25_000) for _ in range(400)]  # 80 MB, as all threads had
print(resident() - before)
"""


def test_what_one_thread_freed_serves_others() -> None:
    [kept], [shared] = said(THREADS), said(THREADS, "give back")
    assert kept > 60
    assert shared < 50
