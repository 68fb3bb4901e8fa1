"""A command of `withanyone` as an Airflow task that waits without a worker, and is never run twice at a time.

The environment says where: WITHANYONE_HOME, the folder with params.yaml, runs/ and registry/ (default: the repository
of this file), and WITHANYONE_COMMAND, the program (default: the one beside this Python, else on the PATH).
"""

import asyncio
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

HOME = Path(os.environ.get("WITHANYONE_HOME", Path(__file__).resolve().parents[1]))
BESIDE = Path(sys.executable).with_name("withanyone")
COMMAND = os.environ.get("WITHANYONE_COMMAND", str(BESIDE) if BESIDE.exists() else "withanyone")
SUPERVISOR = Path(__file__).with_name("supervisor.py")
DONE = (0, 5)  # 5: a cluster's run was decided hold or reject, which is a result
MENDED_BY_PEOPLE = {2: "settings", 3: "input", 4: "validation", 6: "new version, and went back to the old one"}
START_SECONDS, LOG_LINES = 30, 200


class CommandOperator(BaseOperator):
    """Runs `withanyone` with `arguments` in HOME; gives back what it printed as JSON, else its last line.

    The command outlives worker and scheduler. A retry joins the one at work, or takes the result of the one that ended
    well: what was done in a DAG run stays done. An exit code that people must mend is not tried again.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, arguments: Any, limit_s: float = 12 * 3600, **rest: Any) -> None:
        super().__init__(**rest)
        self.arguments = arguments  # words, or a function that gives them when templates are rendered
        self.limit_s = limit_s

    def execute(self, context: Context) -> Any:
        """Start the command, unless it is at work or done, and wait for its end in the triggerer."""
        folder = job_folder(str(context["dag_run"].dag_id), str(context["dag_run"].run_id), self.task_id)
        if _code(folder) in DONE:
            return self.finished(context, {"folder": str(folder)})
        if not _held(folder):
            _start(folder, [COMMAND, *self.arguments])
        return self.defer(trigger=CommandTrigger(str(folder), self.limit_s), method_name="finished")

    def finished(self, _: Context, event: dict[str, Any]) -> Any:
        """Read the result of the command that ended; raises what fits its exit code."""
        folder = Path(event["folder"])
        lines = _text(folder / "log").splitlines()
        for line in lines[-LOG_LINES:]:
            self.log.info("%s", line)
        last, code = next((line for line in reversed(lines) if line.strip()), ""), _code(folder)
        if event.get("late"):
            raise AirflowFailException(f"{COMMAND} was still at work after {self.limit_s:g} s; it goes on by itself")
        if code in DONE:
            return _result(_text(folder / "out"))
        if code in MENDED_BY_PEOPLE:
            raise AirflowFailException(f"withanyone refused its {MENDED_BY_PEOPLE[code]}: {last}")
        raise AirflowException(f"withanyone ended with {code}: {last}" if code else "withanyone was killed")


class CommandTrigger(BaseTrigger):
    """Fires when the command of a job folder has ended, in whatever way, or after `limit_s` seconds."""

    def __init__(self, folder: str, limit_s: float) -> None:
        super().__init__()
        self.folder, self.limit_s = folder, limit_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "dags.command.CommandTrigger", {"folder": self.folder, "limit_s": self.limit_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look once a second; the lock is the system's, so a killed command is seen too."""
        folder, end = Path(self.folder), time.monotonic() + self.limit_s
        while time.monotonic() < end:
            if _code(folder) is not None or not _held(folder):
                yield TriggerEvent({"folder": self.folder})
                return
            await asyncio.sleep(1)
        yield TriggerEvent({"folder": self.folder, "late": True})


def job_folder(dag: str, run: str, task: str) -> Path:
    """Where the output of a task's command lies, under a name that is no other task's, however long theirs are."""
    name = re.sub(r"[^\w.+-]", "_", f"{dag}.{run}.{task}", flags=re.ASCII)
    digest = hashlib.sha256(json.dumps([dag, run, task]).encode()).hexdigest()
    return HOME / "runs" / ".jobs" / f"{name[:100]}.{digest[:16]}"


def _start(folder: Path, command: list[str]) -> None:
    """Start the supervisor in a session of its own, and see it at work."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "code").unlink(missing_ok=True)
    subprocess.Popen(
        [sys.executable, str(SUPERVISOR), str(folder), *command],
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + START_SECONDS
    while not _held(folder) and _code(folder) is None:
        if time.monotonic() > end:
            raise AirflowException(f"{command[0]} did not start")
        time.sleep(0.05)


def _held(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: it must not keep a supervisor from starting
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _code(folder: Path) -> int | None:
    """The exit status, or None while there is none."""
    text = _text(folder / "code")
    return int(text) if text else None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _result(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip().rpartition("\n")[2]
