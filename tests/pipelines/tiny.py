"""Throw-away steps for tests of the runner: each counts its executions and copies text from input to output."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from components.steps import Resources, Step
from model.artefacts import new_folder
from model.errors import BusyError, Preempted, UserError
from model.training.preemption import asked_to_stop


class TinyConfig(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    text: str = "plain"
    count: str = ""  # folder that gets a file for every execution
    size: int = Field(default=1, ge=1)
    rate: float = 0.5
    sizes: tuple[int, ...] = (1, 2)
    share: int = 0
    fail: str = ""  # user, busy, bug, partly, preempted, kill, wait, asked or deaf


class TinyStep(Step):
    def settings(self) -> type[BaseModel]:
        return TinyConfig

    def run(self) -> Callable[..., None]:
        def work(*, config: TinyConfig, **paths: Path) -> None:
            output = paths.pop(self.output)
            trouble(config, self.name)
            with new_folder(output) as draft:
                read = "+".join((paths[name] / "text").read_text() for name in self.inputs)
                (draft / "text").write_text(f"{self.name}({config.text},{read})")
            if config.fail == "partly":
                raise UserError(f"The {self.name} suite failed: see {output}.")

        return work


def trouble(config: TinyConfig, name: str) -> None:
    import logging
    import time

    logging.getLogger("pipelines.tiny").info("working on %s", name)
    logging.getLogger("somebody.else").info("chatter")
    if config.count:
        (Path(config.count) / f"{name}-{os.getpid()}-{time.time_ns()}").touch()
    marker = Path(config.count) / f"{config.fail}-once"
    if config.fail == "user":
        raise UserError('The folder "it\'s" has no photo: give one.')
    if config.fail == "busy":
        raise BusyError("Another process is changing it: wait for it.")
    if config.fail == "bug":
        raise ValueError("wrong")
    if config.fail == "full":
        raise OSError(28, "No space left on device", "/disk")
    if config.fail == "kill" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if config.fail == "preempted" and len(list(Path(config.count).glob(f"{name}-*-*"))) < 4:
        raise Preempted("stopped after step 1 of 4, as asked; start it again to go on.")
    if config.fail == "wait" and not marker.exists():
        marker.touch()
        time.sleep(60)
    if config.fail in ("asked", "deaf") and not marker.exists():
        linger(config, marker)


def linger(config: TinyConfig, marker: Path) -> None:
    """Work until SIGTERM comes, or for a while without an ear for it."""
    import time

    if config.fail == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        marker.touch()
        time.sleep(2)
        return
    with asked_to_stop() as stop:
        marker.touch()
        while not stop():
            time.sleep(0.05)
    (Path(config.count) / "saved").touch()
    raise Preempted("stopped after step 1 of 4, as asked; start it again to go on.")


def tiny(name: str, inputs: tuple[str, ...], output: str, shares: bool = False, parts: str = "") -> TinyStep:
    resources = Resources(2, "1", "1Gi")
    return TinyStep(name, "tiny", f"do {name}", inputs, output, "TinyConfig", resources, shares=shares, parts=parts)


ONE = tiny("one", (), "first")
TWO = tiny("two", ("first",), "second")
THREE = tiny("three", ("first", "second"), "third")
TINY = (ONE, TWO, THREE)
PIECE = tiny("piece", (), "pieces", shares=True)
WHOLE = tiny("whole", (), "total", parts="pieces")
LOOP = (PIECE, WHOLE)
