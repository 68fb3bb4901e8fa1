"""The process of one step inside a runner: settings parsed, progress and failures told in a form it can read."""

import errno
import json
import logging
import os
import re
import select
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.steps import Step
from model.errors import PREEMPTED, BusyError, Preempted, UserError

EVENTS = "WITHANYONE_EVENTS"  # set: this process tells its runner what happens, as marked JSON lines on stdout
TERMINAL = "WITHANYONE_TERMINAL"  # the terminal of the person who waits: bars are drawn there
MARK = "\x1e"  # ASCII record separator: no ordinary output starts a line with it
OURS = ("model", "validation", "components", "pipelines")  # loggers whose lines are for the user
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_PLACE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


def run_step(step: Step, config: str, version: str, shares: Sequence[str] = (), **paths: str) -> None:
    """Run `step` on `paths` (one for each input and the output) with its settings `config` as JSON text.

    `shares` are the outputs of tasks that did a part of the step.
    `version` names the code and the outside folders that the result depends on: it keys the runner's cache.
    What the user can mend is told as one sentence and ends the process with status 3, a request to make room, and what
    another process has in hand, with 75; anything else raises.
    """
    if set(paths) != {*step.inputs, step.output}:
        raise TypeError(f"{step.name} takes {[*step.inputs, step.output]}, got {sorted(paths)}")
    watched = EVENTS in os.environ
    if watched:
        _listen_to_runner()
        _tell("start", step=step.name, paths=paths, config=config, version=version, process=os.getpid())
    try:
        settings = step.settings().model_validate_json(config)
        more = {step.parts: [Path(path) for path in shares]} if shares else {}
        step.run()(**{name: Path(path) for name, path in paths.items()}, **more, config=settings)
    except Preempted as notice:
        if watched:
            _tell("preempted", step=step.name, sentence=str(notice))
        sys.exit(PREEMPTED)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None and not watched:
            raise
        code = PREEMPTED if isinstance(error, BusyError) else 3 if sentence else 1
        if watched:
            words = {"sentence": sentence, "error": _brief(error), "traceback": traceback.format_exc()}
            _tell("failed", step=step.name, busy=code == PREEMPTED, **words)
        else:
            logging.getLogger(__name__).error("%s", sentence)
        sys.exit(code)
    if watched:
        _tell("done", step=step.name)


def _told(error: BaseException) -> Iterator[tuple[int | None, str]]:
    """The numbers of the system's errors, with the place of each; of a folder that was copied, for each file."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # Of the files' errors it keeps the words alone.
        for _, target, why in error.args[0]:
            number = re.match(r"\[Errno (\d+)\]", str(why))
            yield int(number[1]) if number else None, str(target)
    elif isinstance(error, OSError):
        yield error.errno, str(error.filename2 or error.filename or "")


def sentence_of(error: BaseException) -> str | None:
    """The sentence for the user when `error` is something that the user can mend, else None."""
    if isinstance(error, UserError):
        return str(error)
    full = [place for number, place in _told(error) if number in NO_SPACE]
    if full:
        place = f" at {full[0]}" if full[0] else ""
        return f"The disk is full{place}: free some space and start again; finished steps are not redone."
    large = [place for number, place in _told(error) if number == errno.EFBIG]
    if large:
        file = f"The file {large[0]}" if large[0] else "A file"
        return f"{file} grew past what this shell or file system allows: raise `ulimit -f`, or give another place."
    if isinstance(error, OSError) and error.errno in NO_PLACE and error.filename:
        place = error.filename2 or error.filename
        return f"{place} cannot be used ({error.strerror}): give another place, or free and open this one."
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"The setting {'.'.join(map(str, first['loc']))} is not valid: {first['msg']}."
    return None


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().removesuffix(":")


def _tell(event: str, **facts: Any) -> None:
    """Write one marked line; the newline before it ends whatever a library left unfinished on the line."""
    sys.stdout.write(f"\n{MARK}{json.dumps({'event': event, **facts})}\n")
    sys.stdout.flush()


def _listen_to_runner() -> None:
    """Send log records to the runner, draw on the user's terminal, and end when the runner is gone."""
    terminal = os.environ.get(TERMINAL)
    if terminal:
        sys.stderr = open(terminal, "w", encoding="utf-8", errors="replace", buffering=1)  # noqa: SIM115  (kept open)
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[_Teller(bool(terminal))], force=True)
    threading.Thread(target=_end_with_runner, args=(sys.stdout.fileno(),), daemon=True).start()


class _Teller(logging.Handler):
    """Passes log records on as events and, with a terminal, shows our own above the bar that may be drawn there."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        if self.terminal and ours(record.name):
            sys.stderr.write(f"  {message}\n")
        _tell("log", logger=record.name, level=record.levelname, message=message)


def ours(logger: str) -> bool:
    """Whether a logger belongs to this product, so that its lines are for the user and not for the log file alone."""
    return logger.partition(".")[0] in OURS


def _end_with_runner(stdout: int) -> None:
    """A killed runner leaves its step behind: the pipe between them breaks, and nobody may work on beside a new run."""
    poller = select.poll()
    poller.register(stdout, 0)
    poller.poll()
    os.kill(os.getpid(), signal.SIGKILL)
