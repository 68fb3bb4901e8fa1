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
