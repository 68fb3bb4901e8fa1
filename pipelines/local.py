"""Runs a pipeline on this machine by kfp.local: a process or a container a step, finished steps from its cache."""

import builtins
import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from components.shell import EVENTS, TERMINAL
from components.steps import Step
from model.errors import Preempted
from model.training.preemption import answered_by
from pipelines.console import LOG, Failure, Narrator, StepReport
from pipelines.containers import Containers
from pipelines.sources import ROOT
from pipelines.store import Store, ancestry


@dataclass(frozen=True)
class Outcome:
    """What a run has made, how each step went, and why it stopped when it did."""

    artefacts: dict[str, Path]
    steps: dict[str, StepReport]
    failure: Failure | None


def run_pipeline(
    pipeline: Callable[[], Any],
    steps: Sequence[Step],
    store: Store,
    run: Path,
    console: Console,
    verbose: bool = False,
    containers: Containers | None = None,
) -> Outcome:
    """Run `pipeline`, a compiled kfp pipeline over `steps` that returns every whole step's output under its name.

    The caller holds the store and has made the folder `run`, which gets the log. A step that fails ends the run; what
    was made until then is in the outcome. A step that was preempted is started again, as often as it takes. Where this
    process is sent SIGTERM, its steps are too, and Preempted is raised; containers end with it.
    """
    terminal = None if containers else _terminal()
    narrator = Narrator(steps, run, console, store.seal, verbose, drawn_by_steps=terminal is not None)
    store.sweep()
    asked = contextlib.nullcontext() if containers else answered_by(narrator.stop)
    with _environment(terminal), _printing_and_logging_restored(), contextlib.redirect_stdout(narrator), asked:
        outputs = _execute(pipeline, store, containers)
        while narrator.preempted and narrator.failure is None and not narrator.stopped:
            narrator.preempted = False
            outputs = _execute(pipeline, store, containers)
    wanted = {step.output for step in steps if not step.shares}
    narrator.finish(succeeded=wanted <= set(outputs))
    if wanted <= set(outputs):
        return Outcome({name: Path(outputs[name].uri) for name in wanted}, narrator.reports, None)
    if narrator.stopped:
        raise Preempted("the run made room, as asked; start it again to go on where it was.")
    if narrator.failure is None:
        raise RuntimeError(f"kfp.local ran no step and gave no result; its words are in {run / LOG}")
    stopped = narrator.reports[narrator.failure.step].paths
    return Outcome(
        {name: path for name, path in ancestry(stopped).items() if path.exists()}, narrator.reports, narrator.failure
    )


def _execute(pipeline: Callable[[], Any], store: Store, containers: Containers | None) -> dict[str, Any]:
    """The pipeline's outputs, or none when a step failed."""
    from kfp import local
    from kfp.local.config import LocalExecutionConfig

    processes = contextlib.nullcontext(local.SubprocessRunner(use_venv=False))
    with containers.kfp_runner() if containers else processes as runner:
        local.init(
            runner=runner,
            pipeline_root=str(store.artefacts),
            raise_on_error=False,
            enable_caching=True,
            cache_root=str(store.cache),
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # "may be ... non-Python base image"
                return pipeline().outputs
        finally:
            LocalExecutionConfig.instance = None


def _terminal() -> str | None:
    """The terminal that the user watches, or None where output goes to a file or a pipe."""
    return os.ttyname(sys.stderr.fileno()) if sys.stderr.isatty() else None


@contextlib.contextmanager
def _printing_and_logging_restored() -> Iterator[None]:
    """Put back `print` and the root logger as they were.

    kfp changes both for each task and restores what it found. Tasks side by side find each other's changes, and the
    last to end leaves them: every later print would be indented, every later log line go to a closed stream.
    """
    root = logging.getLogger()
    printing, handlers, level = builtins.print, list(root.handlers), root.level
    try:
        yield
    finally:
        builtins.print, root.handlers[:] = printing, handlers
        root.setLevel(level)


@contextlib.contextmanager
def _environment(terminal: str | None) -> Iterator[None]:
    """The environment of the steps' processes.

    kfp puts sys.executable, unquoted, wherever "python3" stands in a step's arguments, paths and settings included.
    With the name "python3" itself, found first on the PATH, nothing is altered and folders with spaces work.
    """
    saved, executable = dict(os.environ), sys.executable
    with tempfile.TemporaryDirectory(prefix="withanyone-") as scratch:  # kfp leaves a folder behind for each step
        os.environ[EVENTS] = "1"
        os.environ["TMPDIR"] = scratch
        os.environ["PYTHONIOENCODING"] = "utf-8:backslashreplace"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), saved.get("PYTHONPATH")]))
        if terminal:
            os.environ[TERMINAL] = terminal
        if (Path(executable).parent / "python3").exists():
            os.environ["PATH"] = os.pathsep.join([str(Path(executable).parent), saved.get("PATH", os.defpath)])
            sys.executable = "python3"
        try:
            yield
        finally:
            sys.executable = executable
            os.environ.clear()
            os.environ.update(saved)
