"""The server of a deployment: found by its folder, under whatever name, and ended with all its processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.packaging import serve
from components.packaging.config import PackagingConfig
from model.errors import UserError
from pipelines.server import Server

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path, 1)


def process(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A process in `folder` with `words` in its command line, in a session of its own."""
    found = subprocess.Popen([sys.executable, "-c", SLEEP, *words], cwd=folder, start_new_session=True)
    while SLEEP not in Path(f"/proc/{found.pid}/cmdline").read_text():
        time.sleep(0.01)
    return found


def test_worker_and_arbiter_are_found_and_ended_and_nobody_else(server: Server, tmp_path: Path) -> None:
    worker = process(Path("/"), "bentoml", f"{tmp_path}/bentos/v1.0.0")
    arbiter = process(tmp_path, "circusd")
    shell, stranger = process(tmp_path, "bash"), process(Path("/"), "bentoml", "/elsewhere/bentos/v1.0.0")
    try:
        assert server.processes() == {worker.pid, arbiter.pid}
        server.stop()
        assert worker.wait() < 0
        assert arbiter.wait() < 0
        assert server.processes() == set()
        assert (shell.poll(), stranger.poll()) == (None, None)
    finally:
        for left in (worker, arbiter, shell, stranger):
            left.kill()
            left.wait()


def test_where_nothing_serves_no_model_is_told(server: Server) -> None:
    assert server.model() is None
    server.stop()


def test_a_port_of_another_program_is_refused(tmp_path: Path) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken"):
            Server(tmp_path, port).start(tmp_path / "bentos" / "v1.0.0")


def test_a_server_runs_where_the_settings_say_and_gets_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "import os, time; print(os.environ['WITHANYONE_DEVICE'], flush=True); time.sleep(60)"
    monkeypatch.setattr(serve, "command", lambda *_, **__: [sys.executable, "-c", told, "bentoml"])
    monkeypatch.delenv("WITHANYONE_DEVICE", raising=False)
    server = Server(tmp_path, 1, PackagingConfig(device="cuda", ready_seconds=2))
    for device in ("cuda", "cpu"):
        with pytest.raises(UserError, match=r"not ready within 2 s; .*server\.log says why.*package\.ready_seconds"):
            server.start(tmp_path / "bentos" / "v1.0.0")
        assert (tmp_path / "server.log").read_text().split()[-1] == device
        monkeypatch.setenv("WITHANYONE_DEVICE", "cpu")
    assert server.processes() == set()
