"""How a built Bento is started: the command and its environment."""

import os
import socket
import sys
from pathlib import Path

from model.artefacts import read_json
from model.errors import UserError


def command(bento: Path, host: str = "127.0.0.1", port: int = 3000) -> list[str]:
    """The command that serves the Bento in folder `bento`; raises UserError when there is none.

    The folder is given in full: bentoml takes a relative path for the name of a module.
    """
    if (bento / "skipped.json").exists():
        raise UserError(f"{bento} holds no service: {read_json(bento / 'skipped.json')['reason']}")
    if not (bento / "bento.yaml").exists():
        raise UserError(f"{bento} is no Bento folder, as it has no bento.yaml; give the folder that `package` wrote")
    return [sys.executable, "-m", "bentoml", "serve", str(bento.resolve()), "--host", host, "--port", str(port)]


def check_address(host: str, port: int) -> None:
    """Raise UserError where nobody can listen there now, of which bentoml would tell in a trace."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((str(address[0]), port), family=family).close()
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise UserError(
            f"nobody can listen on --host '{host}' --port {port} ({why}): give another --port that is free, or an "
            "address of this machine"
        ) from error


def environment(home: Path) -> dict[str, str]:
    """The environment for bentoml's commands: no reports to anybody, and `home` instead of the user's own store.

    PYTHONPATH is dropped, so that a Bento runs on the sources it carries.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
