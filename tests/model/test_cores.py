"""Threads are as many as the cores that there are to work on, in a container with a limit of time, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model import cores as module

V2, QUOTA, PERIOD = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, 8),
        ({V2: "max 100000\n"}, 8),
        ({V2: "200000 100000\n"}, 2),
        ({V2: "150000 100000\n"}, 2),  # one would leave half a core idle
        ({V2: "10000 100000\n"}, 1),
        ({V2: "6400000 100000\n"}, 8),
        ({QUOTA: "-1\n", PERIOD: "100000\n"}, 8),
        ({QUOTA: "300000\n", PERIOD: "100000\n"}, 3),
        ({QUOTA: "300000\n"}, 8),
        ({V2: "nonsense\n"}, 8),
        ({V2: "100000 0\n"}, 8),
    ],
)
def test_a_limit_of_time_counts_as_cores(
    files: dict[str, str], found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "CGROUPS", tmp_path)
    monkeypatch.setattr(module, "_allowed", lambda: 8)
    assert module.cores() == found


PROGRAM = """
import os, pathlib, sys
os.sched_getaffinity, read = lambda _: set(range(8)), pathlib.Path.read_text
pathlib.Path.read_text = lambda self: sys.argv[1] if self.name == "cpu.max" else read(self)
import model
pathlib.Path.read_text = read
import torch
print(os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads())
"""


def torch_with(limit: str, **given: str) -> tuple[list[str], str]:
    """What torch is told and how many threads it starts, where a container has that limit, and how long these look.

    The last is what their library says itself.
    """
    told = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    rest = {name: value for name, value in os.environ.items() if name not in told} | {"OMP_DISPLAY_ENV": "VERBOSE"}
    command = [sys.executable, "-c", PROGRAM, limit]
    done = subprocess.run(command, env=rest | given, capture_output=True, text=True, check=True)
    return done.stdout.split(), done.stderr.partition("GOMP_SPINCOUNT = '")[2].partition("'")[0]


def test_torch_is_told_of_a_limit_and_to_sleep_soon_where_nobody_else_told_it() -> None:
    assert torch_with("100000 100000") == (["1", "1"], "10000")


def test_who_told_torch_otherwise_is_heeded() -> None:
    threads, spins = torch_with("100000 100000", OMP_NUM_THREADS="2", GOMP_SPINCOUNT="5")
    assert (threads[0], spins) == ("2", "5")


def test_without_a_limit_torch_counts_itself_and_who_told_it_how_to_wait_is_heeded() -> None:
    threads, spins = torch_with("max 100000", OMP_WAIT_POLICY="PASSIVE")
    assert (threads[0], spins) == ("None", "0")
