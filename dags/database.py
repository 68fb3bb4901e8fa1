"""A PostgreSQL cluster of its own for Airflow, on a socket in its folder; nothing listens on the network."""

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

USER, DATABASE, SYSTEM_USER = "airflow", "airflow", "postgres"
PLACES = "/usr/lib/postgresql/*/bin"


@dataclass(frozen=True)
class Cluster:
    """The cluster in `folder`. PostgreSQL refuses to run as root: there it runs as the system's user postgres."""

    folder: Path

    @classmethod
    def of(cls, home: Path) -> "Cluster":
        """The cluster that belongs to an Airflow home: in it, or for root in a folder that postgres can reach."""
        if os.geteuid():
            return cls(home / "postgres")
        name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
        return cls(Path(tempfile.gettempdir(), f"withanyone-postgres-{name}"))

    def url(self, password: str) -> str:
        """The address for SQLAlchemy."""
        return f"postgresql+psycopg://{USER}:{password}@/{DATABASE}?host={self.folder}"

    def start(self, password: str) -> None:
        """Start the cluster, which is made first when there is none. Raises RuntimeError with PostgreSQL's words."""
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._make(password)
        if self._call("pg_ctl", "status", "-D", str(self.folder / "data"), check=False):
            options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c max_connections=60"
            log = str(self.folder / "log")
            self._call("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options)
        with_password = {"PGPASSWORD": password}
        known = ["psql", "-h", str(self.folder), "-U", USER, "-d", DATABASE, "-c", "select 1"]
        if self._call(*known, check=False, more=with_password):
            try:
                self._call("createdb", "-h", str(self.folder), "-U", USER, DATABASE, more=with_password)
            except RuntimeError as error:
                if "password authentication failed" not in str(error):
                    raise
                self.stop()
                raise RuntimeError(
                    f"The database in {self.folder} is of an Airflow home that was removed since: "
                    "remove that folder, too, to start anew."
                ) from None

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._call("pg_ctl", "stop", "-m", "fast", "-D", str(self.folder / "data"), check=False)

    def _make(self, password: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        words = self.folder / f"password-{secrets.token_hex(4)}"
        words.touch(0o600)
        words.write_text(password)
        if not os.geteuid():
            for place in (self.folder, words):
                shutil.chown(place, SYSTEM_USER, SYSTEM_USER)
        try:
            options = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={words}", "--encoding=UTF8", "--no-sync"]
            self._call("initdb", "-D", str(self.folder / "data"), *options)
        finally:
            words.unlink()

    def _call(self, program: str, *arguments: str, check: bool = True, more: dict[str, str] | None = None) -> int:
        """The exit status of one of PostgreSQL's programs."""
        user = None if os.geteuid() else SYSTEM_USER
        with tempfile.TemporaryFile("w+") as words:  # a pipe would stay open as long as the server lives
            done = subprocess.run(
                [_program(program), *arguments],
                env=os.environ | (more or {}),
                cwd="/",
                user=user,
                group=user,
                extra_groups=[] if user else None,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                check=False,
            )
            words.seek(0)
            if check and done.returncode:
                raise RuntimeError(f"{program} failed: {words.read().strip()}")
        return done.returncode


def _program(name: str) -> str:
    """PostgreSQL's program `name`, of the newest version. Raises RuntimeError where it is not installed."""
    found = sorted(Path("/").glob(f"{PLACES[1:]}/{name}"), key=lambda path: float(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if not program:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    return program
