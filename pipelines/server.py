"""The server of a local deployment, found among the machine's processes by its folder: no file can be wrong of it."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.packaging.config import PackagingConfig
from model.errors import UserError

STOP_SECONDS = 15
PROGRAMS = ("bentoml", "circusd")  # what the server's processes call themselves


@dataclass(frozen=True)
class Server:
    """`bentoml serve` of a Bento below `folder` on a port of the loopback, in a session of its own."""

    folder: Path
    port: int
    packaging: PackagingConfig = field(default_factory=PackagingConfig)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """An httpx client of the server."""
        import httpx

        return httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def model(self) -> str | None:
        """The digest of the model that is served, or None where nothing of this folder answers."""
        import httpx

        if not self.processes():
            return None
        try:
            with self.client() as client:
                return str(client.post("/model", json={}).raise_for_status().json()["lineage"]["model"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None

    def start(self, bento: Path) -> None:
        """Serve `bento` in the place of what is served. Raises UserError where it does not become ready."""
        from components.packaging.serve import command, environment
        from components.tombstones import FORGOTTEN, Tombstones

        self.stop()
        self.refuse_taken_port()
        denied = self.folder / FORGOTTEN  # the service reads it again when it changes
        if not denied.exists():
            Tombstones().write(self.folder)
        with (self.folder / "server.log").open("ab") as output:
            process = subprocess.Popen(
                command(bento, port=self.port),
                cwd=self.folder,
                env={
                    "WITHANYONE_DEVICE": self.packaging.device,  # unless the environment names another
                    **environment(self.folder / "home"),
                    "WITHANYONE_FORGOTTEN": str(denied),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + self.packaging.ready_seconds
        while time.monotonic() < end and process.poll() is None:
            if self._ready():
                return
            time.sleep(0.2)
        self.stop()
        raise UserError(
            f"The server of {bento.name} was not ready within {self.packaging.ready_seconds:g} s; "
            f"{self.folder / 'server.log'} says why: mend it, or raise package.ready_seconds."
        )

    def refuse_taken_port(self) -> None:
        """Raise UserError where another program has the port, whatever is to be served."""
        if self._answers() and not self.processes():
            raise UserError(f"The port {self.port} is taken by another program: name another one.")

    def stop(self) -> None:
        """End the server and its workers; nothing where none runs."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            groups = self.processes()
            for group in groups:
                with suppress(ProcessLookupError):
                    os.killpg(group, kind)
            end = time.monotonic() + STOP_SECONDS
            while groups and self.processes() and time.monotonic() < end:
                time.sleep(0.1)

    def processes(self) -> set[int]:
        """Process groups at work on a Bento below the folder: workers name it, their arbiter works in the folder."""
        mark = f"{self.folder / 'bentos'}{os.sep}"
        found = set()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
                ours = mark in words or (entry / "cwd").readlink() == self.folder
                facts = (entry / "stat").read_text().rpartition(")")[2].split()
            except (OSError, ValueError):
                continue  # it has just ended, or is another user's
            if ours and any(name in words for name in PROGRAMS) and facts[0] != "Z":
                found.add(int(facts[2]))
        return found - {os.getpgrp()}

    def _ready(self) -> bool:
        import httpx

        try:
            with self.client() as client:
                return bool(client.get("/readyz").status_code == 200)
        except httpx.HTTPError:
            return False

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
