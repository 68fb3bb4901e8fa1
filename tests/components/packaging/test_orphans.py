"""Of a server that is killed outright nothing goes on answering."""

import os
import signal
import time
from pathlib import Path

import psutil

from components.packaging.proof import serving


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_worker_ends_with_a_server_that_was_killed(made: tuple[Path, object], tmp_path: Path) -> None:
    with serving(made[0], tmp_path, 120):
        server = max(psutil.Process().children(), key=lambda one: one.create_time())
        workers = server.children(recursive=True)
        assert workers
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(map(alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.1)
    left = [worker for worker in workers if alive(worker)]
    for worker in left:
        worker.kill()
    assert left == []
