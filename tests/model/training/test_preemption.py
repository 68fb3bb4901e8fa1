"""SIGTERM ends a block wherever it comes."""

import logging
import os
import signal

import pytest

from model.errors import Preempted
from model.training.preemption import stopped_at_once


class Interrupted(logging.Handler):
    """A handler in the midst of whose work SIGTERM comes; as others do, it keeps exceptions to itself."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:  # noqa: BLE001
            self.handleError(record)


def test_sigterm_in_the_midst_of_a_line_of_the_log_is_not_lost() -> None:
    log = logging.getLogger("interrupted")
    log.addHandler(Interrupted())
    with pytest.raises(Preempted, match="the wait was stopped, as asked"), stopped_at_once("the wait"):
        log.warning("waiting")
