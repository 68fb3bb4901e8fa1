"""Runs one command to its end, whatever becomes of who started it: python supervisor.py FOLDER COMMAND...

FOLDER gets `out` (stdout), `log` (stderr) and at last `code` (the exit status). While the command is at work, `lock` is
held by this process and by the command itself, so that neither can be started twice. It is taken as in model/locks.py,
which an environment of Airflow alone lacks.
"""

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import IO


def supervise(folder: Path, command: list[str]) -> int:
    """Run `command`; 75 where another process runs it already."""
    with (folder / "lock").open("a+") as lock:  # NFS shares a lock only with who may read the file
        while not _taken(lock, fcntl.LOCK_EX):
            if not _taken(lock, fcntl.LOCK_SH):  # what can be shared is only looked at, for a moment
                return 75
        (folder / "code").unlink(missing_ok=True)
        with (folder / "out").open("w") as out, (folder / "log").open("a") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, pass_fds=[lock.fileno()])  # noqa: PLW1510
        draft = folder / "code.new"
        draft.write_text(str(done.returncode))
        draft.replace(folder / "code")
    return 0


def _taken(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1]), sys.argv[2:]))
