"""All of Airflow on this machine with one command: python -m dags.servers. Bound to the loopback, on PostgreSQL.

The folder --home keeps its database, logs and the password; a server that dies is started again.
"""

import argparse
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from dags.database import Cluster

ROOT = Path(__file__).resolve().parents[1]
ALONE = "--skip-serve-logs"  # logs are files of this machine; Airflow's servers of logs listen on every address
SERVERS = {"api-server": (), "scheduler": (ALONE,), "dag-processor": (), "triggerer": (ALONE,)}  # with their options
USER = "reviewer"
READY_SECONDS, STOP_SECONDS = 180, 20


@dataclass
class Servers:
    """The servers of the Airflow in `home`; they work on the project folder `project`."""

    home: Path
    project: Path
    port: int
    more: dict[str, str] = field(default_factory=dict)  # further settings of Airflow, as environment variables
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self) -> None:
        """Start the database and the servers, until all are healthy. Raises RuntimeError where they are not."""
        (self.home / "servers").mkdir(parents=True, exist_ok=True)
        self.cluster.start(self.secret("database"))
        words = self.home / "passwords.json"
        words.touch(0o600)
        words.write_text(json.dumps({USER: self.secret("password")}))
        self._airflow("db", "migrate").wait()
        for name in SERVERS:
            self.processes[name] = self._airflow(name, *SERVERS[name])
        end = time.monotonic() + READY_SECONDS
        while not self.healthy():
            if time.monotonic() > end:
                raise RuntimeError(f"Airflow did not become healthy; {self.home / 'servers'} has the logs")
            self.mend()
            time.sleep(1)

    def mend(self) -> list[str]:
        """Start the servers again that have died; returns their names."""
        dead = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in dead:
            self.processes[name] = self._airflow(name, *SERVERS[name])
        return dead

    def stop(self) -> None:
        """Stop the servers, then the database."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                try:
                    os.killpg(process.pid, kind)
                except ProcessLookupError:
                    continue
            end = time.monotonic() + STOP_SECONDS
            while time.monotonic() < end and any(process.poll() is None for process in self.processes.values()):
                time.sleep(0.1)
        self.cluster.stop()

    def healthy(self) -> bool:
        """Whether the API answers and says that the others beat."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/monitor/health", timeout=10) as answer:  # noqa: S310
                parts = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return False
        names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cluster(self) -> Cluster:
        return Cluster.of(self.home)

    def secret(self, name: str) -> str:
        """A secret that is made once and kept, readable by its owner alone."""
        file = self.home / f".{name}"
        if not file.exists():
            file.touch(0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()

    def environment(self) -> dict[str, str]:
        """The environment of the servers: sizes for one machine, all addresses on the loopback."""
        database = self.cluster.url(self.secret("database"))
        settings = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(self.secret("fernet").encode()).decode(),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "DATABASE__SQL_ALCHEMY_CONN": database,
            "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": self.secret("api"),
            "API_AUTH__JWT_SECRET": self.secret("jwt") * 2,
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        } | self.more
        places = {"AIRFLOW_HOME": str(self.home), "WITHANYONE_HOME": str(self.project), "PYTHONPATH": str(ROOT)}
        places["WITHANYONE_REPORTS"] = f"{self.url}/reports"  # dags/plugins/reports.py
        return os.environ | places | {f"AIRFLOW__{name}": value for name, value in settings.items()}

    def _airflow(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.home / "servers" / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=self.environment(),
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def main() -> int:
    """Start everything, say where it is, and stop everything at Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, default=Path("airflow"), help="folder of Airflow's own (airflow)")
    parser.add_argument("--project", type=Path, default=Path(), help="folder with params.yaml and runs/ (this one)")
    parser.add_argument("--port", type=int, default=8080, help="port of the loopback (8080)")
    chosen = parser.parse_args()
    servers = Servers(chosen.home.resolve(), chosen.project.resolve(), chosen.port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        servers.start()
        sys.stdout.write(f"Airflow: {servers.url}\nlogin:   {USER} / {servers.secret('password')}\nCtrl-C ends it\n")
        sys.stdout.flush()
        while True:
            time.sleep(2)
            servers.mend()
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        for kind in (signal.SIGINT, signal.SIGTERM):  # a second one must not leave half of it at work
            signal.signal(kind, signal.SIG_IGN)
        servers.stop()


if __name__ == "__main__":
    sys.exit(main())
