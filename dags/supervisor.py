"""Runs one command to its end, whatever becomes of who started it: python supervisor.py FOLDER COMMAND...

FOLDER gets `out` (stdout), `log` (stderr) and at last `code` (the exit status). A command that ends with 75, because it
made room or another process has what it needs, is started again. Until it ends otherwise, `lock` is held by this
process and by the command itself, so that neither can be started twice. It is taken as in model/locks.py, which an
environment of Airflow alone lacks.
"""

import fcntl
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

AGAIN, PAUSE = 75, 30.0  # the exit status, and the seconds between two tries


def supervise(folder: Path, command: list[str]) -> int:
    """Run `command`; 75 where another process runs it already."""
    with (folder / "lock").open("a+") as lock:  # NFS shares a lock only with who may read the file
        while not _taken(lock, fcntl.LOCK_EX):
            if not _taken(lock, fcntl.LOCK_SH):  # what can be shared is only looked at, for a moment
                return AGAIN
        (folder / "code").unlink(missing_ok=True)
        with (folder / "out").open("w") as out, (folder / "log").open("a") as log:
            while (code := _run(command, lock, out, log)) == AGAIN:
                time.sleep(PAUSE)
        draft = folder / "code.new"
        draft.write_text(str(code))
        draft.replace(folder / "code")
    return 0


def _run(command: list[str], lock: IO[str], out: IO[str], log: IO[str]) -> int:
    out.truncate(0)  # of a try before
    out.seek(0)
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, pass_fds=[lock.fileno()], check=False
    ).returncode


def _taken(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1]), sys.argv[2:]))
