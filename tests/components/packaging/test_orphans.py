"""Server and worker end together: of a server that is killed nothing answers on, and one that cannot serve ends."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from components.packaging.orphans import or_end_the_server
from components.packaging.proof import serving
from components.packaging.serve import command, environment
from model.errors import UserError


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


@pytest.mark.parametrize(
    ("tokens", "words"),
    [(None, "of this Bento is not the file that was packaged"), ("missing", "which cannot be read")],
    ids=["damaged", "no tokens"],
)
def test_a_service_that_cannot_be_ends_with_the_sentence(
    made: tuple[Path, object], tmp_path: Path, tokens: str | None, words: str
) -> None:
    bento, settings = tmp_path / "bento", environment(tmp_path / "home")
    shutil.copytree(made[0], bento)
    if tokens is None:
        card = bento / "src" / "bundle" / "model" / "card.md"
        card.write_text(card.read_text() + "changed")
    else:
        settings["WITHANYONE_TOKENS"] = str(tmp_path / tokens)
    served = subprocess.run(
        command(bento, port=3999), env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    told = served.stdout + served.stderr
    assert words in told
    assert served.returncode == 3
    assert told.count(words) == 1  # it was not started again and again
    assert "Traceback" not in told


def test_who_no_server_started_ends_nobody() -> None:
    with pytest.raises(UserError, match="unusable"), or_end_the_server():
        raise UserError("unusable")
