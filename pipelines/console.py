"""What the user sees of a run: step names, the steps' own progress, times; everything else goes to the run's log."""

import contextlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from components.shell import MARK, ours
from components.steps import Step

LOG = "run.log"


@dataclass
class StepReport:
    """How a step of this run went."""

    status: str  # running, done, cached, failed
    started: float = 0.0  # on the monotonic clock
    seconds: float = 0.0
    tasks: int = 0  # that are at work on it
    paths: dict[str, Path] = field(default_factory=dict)  # artefacts by name, as the step's process knew them


@dataclass
class Failure:
    """Why a run stopped."""

    step: str
    sentence: str
    expected: bool  # the user can mend it; else a fault of the product or the machine
    busy: bool = False  # another process has in hand what the step needs


class Narrator(io.TextIOBase):
    """Takes all that kfp.local prints, picks out what the steps tell, shows that and logs the rest.

    Each task's words come in a thread of their own, so lines and facts are kept by thread.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        run: Path,
        console: Console,
        on_done: Callable[[Path, dict[str, Any]], None],
        verbose: bool = False,
        drawn_by_steps: bool = False,
    ) -> None:
        self.steps = steps
        self.run = run  # the run's folder, where the user will find the artefacts by name
        self.console = console
        self.on_done = on_done  # called with a finished step's output and with what it was made from
        self.verbose = verbose
        self.drawn_by_steps = drawn_by_steps  # the steps have the terminal and show their own lines
        self.reports: dict[str, StepReport] = {}
        self.failure: Failure | None = None
        self.preempted = False  # a step made room and is to be started again
        self.processes: dict[int, int] = {}  # those of the steps at work, by thread
        self.stopped = False  # the run was asked to make room
        self.facts: dict[int, dict[str, Any]] = {}
        self.width = max(len(step.name) for step in steps)
        self.log = (run / LOG).open("a", encoding="utf-8", errors="backslashreplace")
        self.rest: dict[int, str] = {}
        self.one_at_a_time = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        thread = threading.get_ident()
        with self.one_at_a_time:
            *lines, self.rest[thread] = (self.rest.get(thread, "") + text).split("\n")
            for line in lines:
                self._line(line)
        return len(text)

    def stop(self) -> None:
        """Pass SIGTERM on to the steps that are at work, or start from now on: they save what they have, and end."""
        self.stopped = True
        for process in tuple(self.processes.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

    def finish(self, succeeded: bool) -> None:
        """Close the log; in a run that succeeded, the steps that never started were found in the cache."""
        self.log.close()
        if succeeded:
            self._cached_before(None)
            return
        for name, report in self.reports.items():
            if report.status == "running":
                report.status, report.seconds = "failed", time.monotonic() - report.started
                self.failure = Failure(
                    name, f"The step {name} was ended from outside, perhaps for want of memory: start again.", False
                )
        if self.failure:
            how, step = "stopped" if self.stopped else "failed", self.failure.step
            self._say(f"{step:<{self.width}}  {how} after {self.reports[step].seconds:.1f} s")

    def _line(self, line: str) -> None:
        noise, mark, event = line.partition(MARK)
        if noise.strip():
            self._log(noise)
            if self.verbose:
                self._say(noise)
        if mark:
            facts = json.loads(event)
            getattr(self, f"_on_{facts.pop('event')}")(**facts)

    def _on_start(self, step: str, paths: dict[str, str], config: str, version: str, process: int) -> None:
        self._cached_before(step)
        self.processes[threading.get_ident()] = process
        if self.stopped:
            self.stop()
        self.facts[threading.get_ident()] = {
            "step": step,
            "paths": paths,
            "config": json.loads(config),
            "version": version,
        }
        self._log(f"{step} started with {config}")
        if step not in self.reports:
            self.reports[step] = StepReport("running", time.monotonic())
            self._say(f"{step:<{self.width}}  {self._step(step).summary}")
        report = self.reports[step]
        report.status, report.tasks = "running", report.tasks + 1
        report.paths = {name: Path(path) for name, path in paths.items()}

    def _on_log(self, logger: str, level: str, message: str) -> None:
        self._log(f"{level} {logger}: {message}")
        if self.verbose or (ours(logger) and not self.drawn_by_steps):
            self._say(f"{'':<{self.width}}    {self._in_run(message)}")

    def _on_done(self, step: str) -> None:
        facts = self.facts.pop(threading.get_ident())
        del self.processes[threading.get_ident()]
        self.on_done(Path(facts["paths"][self._step(step).output]), facts)
        report = self.reports[step]
        report.tasks, report.seconds = report.tasks - 1, time.monotonic() - report.started
        share = f"share {facts['config']['share'] + 1} " if self._step(step).shares else ""
        self._log(f"{step} {share}done in {report.seconds:.1f} s")
        self._say(f"{step:<{self.width}}  {share}done in {report.seconds:.1f} s")
        if not report.tasks:
            report.status = "done"

    def _on_preempted(self, step: str, sentence: str) -> None:
        self.preempted = True
        self.processes.pop(threading.get_ident(), None)
        self.reports[step].tasks = 0
        self._log(f"{step} made room: {sentence}")
        then = "" if self.stopped else " and starts again"
        self._say(f"{step:<{self.width}}  made room{then}: {self._in_run(sentence)}")

    def _on_failed(self, step: str, busy: bool, sentence: str | None, error: str, traceback: str) -> None:
        report = self.reports[step]
        report.status, report.seconds = "failed", time.monotonic() - report.started
        self._log(f"{step} failed\n{traceback}")
        words = sentence or f"The step {step} failed: {error}"
        self.failure = Failure(step, self._in_run(words), sentence is not None, busy)

    def _step(self, name: str) -> Step:
        return next(known for known in self.steps if known.name == name)

    def _cached_before(self, step: str | None) -> None:
        """Steps run one after another in the graph's order: one that is passed over was found in the cache."""
        for known in self.steps:
            if known.name == step:
                return
            if known.name not in self.reports:
                self.reports[known.name] = StepReport("cached")
                self._say(f"{known.name:<{self.width}}  unchanged, taken from an earlier run")

    def _in_run(self, message: str) -> str:
        """`message` with the artefacts' places in the store replaced by the places where the user finds them."""
        for report in self.reports.values():
            for name, path in report.paths.items():
                message = message.replace(str(path), str(self.run / name))
        return message

    def _log(self, message: str) -> None:
        self.log.write(message + "\n")
        self.log.flush()

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
