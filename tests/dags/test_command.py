"""The command behind a task: once at a time, its end seen however it came, a request that a reviewer can read."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dags.command import CommandTrigger, _held, _start, job_folder
from dags.retrain import request
from dags.supervisor import supervise


def event(folder: Path, limit_s: float = 20) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for found in CommandTrigger(str(folder), limit_s).run():
            return dict(found.payload)
        raise AssertionError("no event")

    return asyncio.run(first())


def sleeper(folder: Path, seconds: float) -> list[str]:
    return [sys.executable, "-c", f"import time; open('{folder}/begun', 'a').write('x'); time.sleep({seconds})"]


def test_a_command_leaves_its_output_and_its_exit_code(tmp_path: Path) -> None:
    program = "import sys; print('out'); print('word', file=sys.stderr); sys.exit(4)"
    assert supervise(tmp_path, [sys.executable, "-c", program]) == 0
    assert [(tmp_path / name).read_text() for name in ("out", "log", "code")] == ["out\n", "word\n", "4"]


def test_a_command_that_made_room_or_found_another_at_work_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dags.supervisor.PAUSE", 0.01)
    program = (
        "import pathlib, sys; tries = pathlib.Path(sys.argv[1]); tries.open('a').write('x'); print(tries.read_text());"
        "sys.exit(75 if len(tries.read_text()) < 3 else 5)"
    )
    assert supervise(tmp_path, [sys.executable, "-c", program, str(tmp_path / "tries")]) == 0
    assert [(tmp_path / name).read_text() for name in ("out", "code")] == ["xxx\n", "5"]


def test_a_command_at_work_is_not_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dags.command.HOME", tmp_path)
    folder = tmp_path / "job"
    _start(folder, sleeper(folder, 2))
    assert supervise(folder, sleeper(folder, 0)) == 75
    assert event(folder) == {"folder": str(folder)}
    assert (folder / "code").read_text() == "0"
    assert (folder / "begun").read_text() == "x"


def test_a_command_starts_though_somebody_looks_whether_it_is_at_work(tmp_path: Path) -> None:
    looking = (tmp_path / "lock").open("w")
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not _held(tmp_path)
    threading.Timer(0.3, looking.close).start()
    assert supervise(tmp_path, [sys.executable, "-c", ""]) == 0
    assert (tmp_path / "code").read_text() == "0"


def test_the_lock_is_held_by_the_command_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = Path(sys.modules["dags.supervisor"].__file__ or "")
    process = subprocess.Popen([sys.executable, str(supervisor), str(tmp_path), *sleeper(tmp_path, 3)])
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _held(tmp_path)
    assert event(tmp_path) == {"folder": str(tmp_path)}
    assert not (tmp_path / "code").exists()


def test_a_command_that_takes_too_long_is_told_as_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dags.command.HOME", tmp_path)
    folder = tmp_path / "job"
    _start(folder, sleeper(folder, 3))
    assert event(folder, limit_s=0.5) == {"folder": str(folder), "late": True}


def test_a_trigger_is_the_same_after_a_restart(tmp_path: Path) -> None:
    name, arguments = CommandTrigger(str(tmp_path), 5).serialize()
    assert name == f"{CommandTrigger.__module__}.{CommandTrigger.__name__}"
    assert CommandTrigger(**arguments).serialize() == (name, arguments)


def test_a_request_holds_verdict_report_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"name": "better", "state": "failed", "figure": 0.12345, "threshold": None}]
    decision = {"verdict": "hold", "reason": "a tie", "rules": rules}
    text = request(tmp_path / "one", decision)
    assert "**hold**: a tie" in text
    assert f"`{tmp_path}/one/decision/report.html`" in text
    assert "| better | failed | 0.123 |  |" in text
    monkeypatch.setattr("dags.retrain.REPORTS", "https://reports.example/runs/")
    assert "[Report](https://reports.example/runs/one/decision/report.html)" in request(tmp_path / "one", decision)


def test_each_task_has_a_folder_of_its_own_whatever_it_is_called() -> None:
    names = [("retrain", run, "run") for run in ("a:b", "a b", "a_b", "ü" * 250, "ö" * 250, "x" * 250, "../..")]
    folders = [job_folder(*name) for name in [*names, ("retrain.a", "b", "run"), ("retrain", "a.b", "run")]]
    assert len(set(folders)) == len(folders)
    for folder in folders:
        assert folder.parent.name == ".jobs"
        assert len(os.fsencode(folder.name)) <= 255
