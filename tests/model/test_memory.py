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


def said(program: str) -> tuple[int, int]:
    """The two numbers that the program prints."""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    first, second = map(int, printed.split())
    return first, second


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
