"""Memory that is kept: a tensor that is made again and again costs no new pages."""

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


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is asked, and only glibc has mallopt")
def test_what_is_freed_is_not_asked_for_again() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    given_back, kept = map(int, said.split())
    assert given_back > 10 * max(kept, 1)
