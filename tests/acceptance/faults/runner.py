"""Faults of a run on this machine, with throw-away steps: killed, full disk, things in pieces, two at once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from model.errors import UserError
from pipelines.local import Outcome
from pipelines.sources import ROOT
from tests.pipelines.test_local import RUN, Bench, another_process, wait_for

Fault = tuple[str, Callable[[Path], None]]
STEPS = ("one", "two", "three")
EXPECTED = "three(plain,one(plain,)+two(plain,one(plain,)))"


def assert_whole(bench: Bench, outcome: Outcome) -> None:
    assert outcome.failure is None, outcome.failure
    assert (outcome.artefacts["third"] / "text").read_text() == EXPECTED
    assert all((task / "seal.json").exists() for task in bench.store.artefacts.glob("*/*"))


def step_fails(step: str, fail: str) -> Callable[[Path], None]:
    def fault(folder: Path) -> None:
        bench = Bench(folder)
        assert bench.run(None, **{step: bench.config(fail=fail)}).failure is not None
        made = bench.executions()
        assert_whole(bench, bench.run())
        earlier = STEPS[: STEPS.index(step)]
        assert made == [*earlier, step]
        assert set(bench.executions()).isdisjoint(earlier)

    return fault


def runner_killed(folder: Path) -> None:
    bench = Bench(folder)
    runner = another_process(folder, "wait")
    wait_for((bench.count / "wait-once").exists)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert_whole(bench, bench.run(two=bench.config(fail="wait")))


def altered(output: str, alter: Callable[[Path], None]) -> Callable[[Path], None]:
    """Something of a finished step is damaged before the next run."""

    def fault(folder: Path) -> None:
        bench = Bench(folder)
        alter(bench.run().artefacts[output])
        assert_whole(bench, bench.run())

    return fault


def truncated(artefact: Path) -> None:
    (artefact / "text").write_text("")


def lost(artefact: Path) -> None:
    shutil.rmtree(artefact)


def touched(artefact: Path) -> None:
    """As after the clock jumped: the file's time is years ahead."""
    ahead = time.time() + 3e8
    os.utime(artefact / "text", (ahead, ahead))


def unsealed(artefact: Path) -> None:
    (artefact.parent / "seal.json").unlink()


def two_at_once(folder: Path) -> None:
    bench = Bench(folder)
    runner = another_process(folder, "wait")
    wait_for((bench.count / "wait-once").exists)
    try:
        bench.run()
    except UserError as error:
        assert "Another process is changing the runs" in str(error)  # noqa: PT017  (no pytest in a program)
    else:
        raise AssertionError("a second run was let in")
    finally:
        runner.kill()
        runner.wait()
    assert_whole(bench, bench.run(two=bench.config(fail="wait")))


def broken_lock(folder: Path) -> None:
    bench = Bench(folder)
    bench.store.folder.mkdir(parents=True)
    (bench.store.folder / "lock").write_bytes(b"\0garbage" * 100)
    assert_whole(bench, bench.run())


def read_only_disk(folder: Path) -> None:
    """No file may grow: every write of the runner's own process fails."""
    bench = Bench(folder)
    program = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n{RUN}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(folder), ""]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode != 0
    assert_whole(bench, bench.run())


def faults() -> Iterator[Fault]:
    for step in STEPS:
        yield f"run: kill -9 of step {step}", step_fails(step, "kill")
    for step in STEPS:
        yield f"run: full disk in step {step}", step_fails(step, "full")
    yield "run: a fault of the product in step two", step_fails("two", "bug")
    yield "run: kill -9 of the runner", runner_killed
    yield "run: truncated artefact", altered("second", truncated)
    yield "run: lost artefact", altered("first", lost)
    yield "run: artefact from the future", altered("third", touched)
    yield "run: lost seal", altered("second", unsealed)
    yield "run: two at once in one folder", two_at_once
    yield "run: corrupt lock file", broken_lock
    yield "run: no byte can be written", read_only_disk
