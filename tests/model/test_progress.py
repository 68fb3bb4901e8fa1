"""Progress is told by one of the processes that share a machine."""

import logging
from collections.abc import Iterator

import pytest

from components.shell import OURS
from model.progress import track
from pipelines.commands.step import show_progress


@pytest.fixture(autouse=True)
def untold() -> Iterator[None]:
    """Our loggers as they are in a new process, and afterwards as they were."""
    loggers = [logging.getLogger(name) for name in (None, *OURS)]
    levels = [logger.level for logger in loggers]
    for logger in loggers[1:]:
        logger.setLevel(logging.NOTSET)
    loggers[0].setLevel(logging.WARNING)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize(("rank", "lines"), [(None, 1), ("0", 1), ("1", 0)])
def test_the_first_process_of_a_machine_tells_how_far_work_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rank: str | None, lines: int
) -> None:
    if rank is None:
        monkeypatch.delenv("LOCAL_RANK", raising=False)
    else:
        monkeypatch.setenv("LOCAL_RANK", rank)
    show_progress()
    assert list(track(range(3), "counting")) == [0, 1, 2]
    assert len(caplog.messages) == lines
    assert logging.getLogger("components.training").isEnabledFor(logging.INFO) == bool(lines)


@pytest.mark.parametrize(
    ("seconds", "told"), [(20, "20.0 s/circle, 0:20:00 left"), (0.5, "2.0 circle/s, 0:00:15 left")]
)
def test_work_slower_than_one_a_second_is_told_in_seconds_a_unit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seconds: float, told: str
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    clock = iter(range(1000))
    monkeypatch.setattr("model.progress.time.monotonic", lambda: next(clock) * seconds)
    monkeypatch.setattr("model.progress.SECONDS_BETWEEN_LINES", 0.0)
    show_progress()
    list(track(range(61 if seconds > 1 else 31), "virtual cast", unit="circle"))
    assert caplog.messages[0].endswith(f"({told})")
