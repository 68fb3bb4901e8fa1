"""The local runner: results, cache, failures, kills."""

import builtins
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
from rich.console import Console

from pipelines.console import Failure
from pipelines.local import Outcome, run_pipeline
from pipelines.sources import ROOT
from pipelines.store import Store
from tests.pipelines.tiny import LOOP, TINY, TinyConfig
from tests.pipelines.tiny_graph import loop_pipeline, tiny_pipeline


class Bench:
    """A runs folder with a name that is hard on shells, and a counter of executions."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / 'it\'s a python3 "folder"'
        self.count = folder / "count"
        self.count.mkdir(exist_ok=True)
        self.runs.mkdir(exist_ok=True)
        self.store = Store(self.runs / ".store")
        self.shown: TextIO = io.StringIO()

    def config(self, **values: object) -> TinyConfig:
        return TinyConfig.model_validate({"count": str(self.count), **values})

    def run(self, versions: dict[str, str] | None = None, **configs: TinyConfig) -> Outcome:
        settings = {name: self.config() for name in ("one", "two", "three")} | configs
        console = Console(file=self.shown, width=100)
        with self.store.only_user():
            return run_pipeline(tiny_pipeline(settings, versions), TINY, self.store, self.runs, console)

    def executions(self) -> list[str]:
        """Names of the steps executed since the last call, in order."""
        files = sorted(
            (p for p in self.count.iterdir() if p.name.count("-") == 2), key=lambda p: int(p.name.split("-")[2])
        )
        for file in files:
            file.unlink()
        return [file.name.split("-")[0] for file in files]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def statuses(outcome: Outcome) -> list[str]:
    return [outcome.steps[step.name].status for step in TINY if step.name in outcome.steps]


def test_steps_run_in_order_and_a_second_run_takes_all_from_the_cache(bench: Bench) -> None:
    nasty = """it's "quoted" \\ python3 é \n end"""
    first = bench.run(one=bench.config(text=nasty))
    assert first.failure is None
    assert bench.executions() == ["one", "two", "three"]
    assert (first.artefacts["third"] / "text").read_text() == (f"three(plain,one({nasty},)+two(plain,one({nasty},)))")
    second = bench.run(one=bench.config(text=nasty))
    assert bench.executions() == []
    assert second.artefacts == first.artefacts
    assert statuses(second) == ["cached"] * 3


def test_a_setting_or_the_code_of_a_step_redoes_it_and_what_follows(bench: Bench) -> None:
    bench.run()
    bench.executions()
    assert statuses(bench.run(two=bench.config(text="new"))) == ["cached", "done", "done"]
    assert bench.executions() == ["two", "three"]
    bench.run(versions={"three": "2"})
    assert bench.executions() == ["three"]


def test_the_runs_folder_may_be_given_relative_to_the_working_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run()
    bench.executions()
    monkeypatch.chdir(bench.runs)
    bench.store = Store(Path(".store"))
    assert statuses(bench.run()) == ["cached"] * 3


def test_an_altered_artefact_is_made_again(bench: Bench) -> None:
    outcome = bench.run()
    bench.executions()
    (outcome.artefacts["second"] / "text").write_text("altered by hand")
    again = bench.run()
    assert bench.executions() == ["two", "three"]
    assert (again.artefacts["second"] / "text").read_text() == "two(plain,one(plain,))"


@pytest.mark.parametrize("damage", ["", "{", "{}"])
def test_an_artefact_whose_seal_is_damaged_is_made_again(bench: Bench, damage: str) -> None:
    outcome = bench.run()
    bench.executions()
    (outcome.artefacts["second"].parent / "seal.json").write_text(damage)
    assert bench.run().failure is None
    assert bench.executions()[0] == "two"


def test_a_users_mistake_comes_back_as_its_sentence_with_what_was_made(bench: Bench) -> None:
    outcome = bench.run(two=bench.config(fail="user"))
    assert outcome.failure is not None
    assert (outcome.failure.step, outcome.failure.expected) == ("two", True)
    assert outcome.failure.sentence == 'The folder "it\'s" has no photo: give one.'
    assert set(outcome.artefacts) == {"first"}
    assert statuses(outcome) == ["done", "failed"]
    assert bench.executions() == ["one", "two"]  # retries are for a cluster: here nothing is tried again unasked


def test_what_another_process_has_in_hand_is_told_apart(bench: Bench) -> None:
    outcome = bench.run(one=bench.config(fail="busy"))
    assert outcome.failure == Failure("one", "Another process is changing it: wait for it.", expected=True, busy=True)
    assert bench.executions() == ["one"]


def test_a_failed_steps_output_is_kept_and_so_are_cached_ones(bench: Bench) -> None:
    bench.run()
    outcome = bench.run(three=bench.config(fail="partly"))
    assert set(outcome.artefacts) == {"first", "second", "third"}
    assert outcome.failure is not None
    assert outcome.failure.sentence == f"The three suite failed: see {bench.runs / 'third'}."
    assert statuses(outcome) == ["cached", "cached", "failed"]


def test_a_fault_of_the_product_is_told_apart_and_its_traceback_logged(bench: Bench) -> None:
    outcome = bench.run(one=bench.config(fail="bug"))
    assert outcome.failure is not None
    assert not outcome.failure.expected
    assert outcome.failure.sentence == "The step one failed: ValueError: wrong"
    assert "Traceback" in (bench.runs / "run.log").read_text()


def test_a_full_disk_is_one_sentence(bench: Bench) -> None:
    outcome = bench.run(one=bench.config(fail="full"))
    assert outcome.failure is not None
    assert outcome.failure.expected
    assert outcome.failure.sentence.startswith("The disk is full at /disk: free some space")


def test_a_preempted_step_is_started_again_until_it_is_done(bench: Bench) -> None:
    outcome = bench.run(two=bench.config(fail="preempted"))
    assert outcome.failure is None
    assert bench.executions() == ["one", "two", "two", "two", "two", "three"]
    assert statuses(outcome) == ["done"] * 3
    assert isinstance(bench.shown, io.StringIO)
    assert bench.shown.getvalue().count("two    made room and starts again: stopped after step 1 of 4") == 3


def test_a_killed_step_is_the_only_one_redone(bench: Bench) -> None:
    killed = bench.run(two=bench.config(fail="kill"))
    assert killed.failure is not None
    assert "ended from outside" in killed.failure.sentence
    assert bench.executions() == ["one", "two"]
    assert bench.run(two=bench.config(fail="kill")).failure is None
    assert bench.executions() == ["two", "three"]


RUN = """
import sys
from pathlib import Path
from tests.pipelines.test_local import Bench
bench = Bench(Path(sys.argv[1]))
bench.shown = sys.stderr
bench.run(two=bench.config(fail=sys.argv[2]))
"""


def another_process(folder: Path, fail: str, stderr: int | None = None) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder), fail], env=environment, cwd=ROOT, stderr=stderr)


def test_a_killed_runner_takes_its_step_along_and_the_next_run_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    runner = another_process(tmp_path, "wait")
    wait_for((bench.count / "wait-once").exists)
    step = next(int(path.name.split("-")[1]) for path in bench.count.glob("two-*"))
    runner.kill()
    runner.wait()
    wait_for(lambda: not running(step))
    assert another_process(tmp_path, "wait").wait() == 0
    assert bench.executions() == ["one", "two", "two", "three"]
    assert all((task / "seal.json").exists() for task in bench.store.artefacts.glob("*/*"))


def test_a_runner_that_is_asked_to_stop_lets_its_step_save_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    runner = another_process(tmp_path, "asked", stderr=subprocess.PIPE)
    wait_for((bench.count / "asked-once").exists)
    runner.terminate()
    said = runner.communicate(timeout=60)[1].decode()
    assert (bench.count / "saved").exists()
    assert "Preempted: the run made room" in said
    assert "two    made room: stopped after step 1 of 4" in said
    assert another_process(tmp_path, "asked").wait() == 0
    assert bench.executions() == ["one", "two", "two", "three"]


def test_a_step_that_the_runners_stop_ends_has_not_failed(tmp_path: Path) -> None:
    runner = another_process(tmp_path, "wait", stderr=subprocess.PIPE)
    wait_for((Bench(tmp_path).count / "wait-once").exists)
    runner.terminate()
    assert "two    stopped after" in runner.communicate(timeout=60)[1].decode()


def test_a_runner_that_is_asked_to_stop_starts_no_further_step(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    runner = another_process(tmp_path, "deaf", stderr=subprocess.PIPE)
    wait_for((bench.count / "deaf-once").exists)
    runner.terminate()
    assert "Preempted: the run made room" in runner.communicate(timeout=60)[1].decode()
    assert bench.executions()[:2] == ["one", "two"]
    assert another_process(tmp_path, "deaf").wait() == 0
    assert "two" not in bench.executions()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_on_a_terminal_the_steps_draw_there_themselves(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    process = another_process(tmp_path, "", theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while part := os.read(ours, 1000):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    lines = shown.decode().splitlines()
    assert lines.count("  working on two") == 1
    assert "three  do three" in lines


def test_the_user_sees_steps_and_their_lines_and_not_kfps(bench: Bench) -> None:
    bench.run()
    bench.run()
    assert isinstance(bench.shown, io.StringIO)
    lines = bench.shown.getvalue().splitlines()
    assert lines[0] == "one    do one"
    assert lines[1] == "         working on one"
    assert lines[2].startswith("one    done in ")
    assert lines[-1] == "three  unchanged, taken from an earlier run"
    assert len(lines) == 12
    log = (bench.runs / "run.log").read_text()
    assert "chatter" in log
    assert "KFP Executor" in log


def state_of_process() -> tuple[object, ...]:
    root = logging.getLogger()
    return dict(os.environ), sys.executable, sys.stdout, builtins.print, list(root.handlers), root.level


def test_nothing_of_a_run_stays_in_this_process(bench: Bench) -> None:
    before = state_of_process()
    bench.run()
    assert state_of_process() == before


def test_nothing_of_tasks_side_by_side_stays_either(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_of_process()

    def leaving(pipeline: Callable[[], Any], store: Store, containers: object) -> dict[str, Any]:
        """What the threads of kfp do when their ends cross, without waiting for it to happen."""
        monkeypatch.setattr(builtins, "print", lambda *_, **__: None)
        logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
        logging.getLogger().setLevel(logging.ERROR)
        return {}

    monkeypatch.setattr("pipelines.local._execute", leaving)
    with pytest.raises(RuntimeError, match="ran no step"):
        bench.run()
    assert state_of_process() == before


def test_seals_say_what_an_artefact_was_made_from(bench: Bench) -> None:
    outcome = bench.run(versions={"three": "v3"})
    seal = json.loads((outcome.artefacts["third"].parent / "seal.json").read_text())
    assert seal["step"] == "three"
    assert seal["version"] == "v3"
    assert seal["config"]["text"] == "plain"
    assert {name: Path(path) for name, path in seal["paths"].items()} == outcome.artefacts


def test_shares_are_told_apart_and_taken_from_the_cache(bench: Bench) -> None:
    def run(**values: object) -> Outcome:
        console = Console(file=bench.shown, width=100)
        with bench.store.only_user():
            return run_pipeline(loop_pipeline(3, bench.config(**values)), LOOP, bench.store, bench.runs, console)

    first = run()
    assert first.failure is None
    assert {name: report.status for name, report in first.steps.items()} == {"piece": "done", "whole": "done"}
    assert sorted(bench.executions()) == ["piece", "piece", "piece", "whole"]
    assert isinstance(bench.shown, io.StringIO)
    assert all(f"share {number} done" in bench.shown.getvalue() for number in (1, 2, 3))
    again = run()
    assert bench.executions() == []
    assert {name: report.status for name, report in again.steps.items()} == {"piece": "cached", "whole": "cached"}
    assert again.artefacts == first.artefacts
    failed = run(fail="user").failure
    assert failed is not None
    assert (failed.step, failed.expected) == ("piece", True)
