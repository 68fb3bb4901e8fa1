"""Prove a built Bento: start it as a user would, ask it for a picture, and judge the answers."""

import base64
import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from components.packaging.lineage import CHUNK, Lineage
from components.packaging.reading import read_credentials
from components.packaging.serve import command, environment
from components.packaging.settings import PREFIX
from model.errors import UserError
from model.parts import BASE, PACK, SIGLIP

SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>').decode()
LOG_TAIL = 3000  # characters

log = logging.getLogger(__name__)


def prove(
    bento: Path, references: Sequence[bytes], lineage: Lineage, ready_seconds: float, device: str = "cpu"
) -> dict[str, Any]:
    """Serve `bento`, made of `lineage`, and check it with the first of `references` that it accepts: times and checks.

    Raises UserError when the service is not ready in `ready_seconds` or a check fails.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(bento, Path(scratch), ready_seconds, device) as (client, ready),
    ):
        reference = _first_usable(client, references)
        seconds, checks = check(client, reference, lineage)
        checks["reference_not_kept"] = not _holds(Path(scratch), reference)
    failed = sorted(name for name, passed in checks.items() if not passed)
    if failed:
        raise UserError(f"the packaged service failed its checks {', '.join(failed)}; it is not delivered")
    return {"schema": 1, "ready_seconds": round(ready, 2), "generate_seconds": round(seconds, 3), "checks": checks}


def check(client: httpx.Client, reference: bytes, lineage: Lineage) -> tuple[float, dict[str, bool]]:
    """Seconds of the first picture of a running service, and which checks it passes.

    Raises UserError when it makes no picture at all.
    """
    facts = client.post("/model", json={}).raise_for_status().json()
    layout, known = facts["layouts"]["1"], lineage.model_dump()
    face = base64.b64encode(reference).decode()
    order = {"prompt": "a person smiling", "references": [face], "seed": 7}
    if facts["edits"]:
        order |= {"image": face, "boxes": [[0.25, 0.25, 0.75, 0.75]]}  # a reference has its face in the middle
    start = time.monotonic()
    first = client.post("/generate", json=order)
    seconds = time.monotonic() - start
    if first.status_code != 200:
        told = first.json()["detail"] if first.headers["content-type"].endswith("json") else first.text
        raise UserError(
            f"the packaged service answered {first.status_code} to a good request, and is not delivered: {told}"
        )
    with Image.open(BytesIO(first.content)) as picture:
        text: dict[str, str] = getattr(picture, "text", {})
        kind, size = picture.format, picture.size
    again, other = client.post("/generate", json=order), client.post("/generate", json={**order, "seed": 8})
    refused = client.post("/generate", json={**order, "references": [SVG]})
    return seconds, {
        "is_png": (kind, first.headers["content-type"]) == ("PNG", "image/png"),
        "size": size == (layout["width"], layout["height"]),
        "lineage_told": facts["lineage"] == known,
        "lineage_in_picture": all(text.get(f"{CHUNK}{name}") == value for name, value in known.items()),
        "credentials_hold": read_credentials(first.content).state != "Invalid",
        "deterministic": _pixels(first.content) == _pixels(again.content),
        "seed_matters": _pixels(first.content) != _pixels(other.content),
        "refuses_svg": refused.status_code == 422,
        "ready_after_refusal": client.get("/readyz").status_code == 200,
    }


def _pixels(png: bytes) -> bytes:
    with Image.open(BytesIO(png)) as picture:
        return picture.tobytes()


def _first_usable(client: httpx.Client, references: Sequence[bytes]) -> bytes:
    for reference in references:
        answer = client.post("/faces", json={"picture": base64.b64encode(reference).decode()})
        if answer.status_code == 200 and answer.json()["usable"]:
            return reference
    raise UserError(
        f"the packaged service accepts none of the {len(references)} references of the scores; evaluate again"
    )


def _holds(folder: Path, content: bytes) -> bool:
    """Whether any file below `folder` has the content, as it is or in base64 (a middle part is looked for)."""
    middle = len(content) // 6 * 3  # a multiple of three, so that its base64 stands alone
    probe = content[middle : middle + 48]
    forms = (probe, base64.b64encode(probe))
    return any(form in file.read_bytes() for file in folder.rglob("*") if file.is_file() for form in forms)


@contextmanager
def serving(
    bento: Path, scratch: Path, ready_seconds: float, device: str = "cpu"
) -> Iterator[tuple[httpx.Client, float]]:
    """Serve `bento` on a free port of the loopback; yields a client and the seconds until it was ready.

    Temporary files, bentoml's store and the log all go to `scratch`. No registry can be asked: pip is told to use none.
    Raises UserError when it is not ready within `ready_seconds`.
    """
    port, output = _free_port(), scratch / "serve.log"
    places = {"TMPDIR": str(scratch), f"{PREFIX}CACHE": str(scratch / "cache"), f"{PREFIX}DEVICE": device}
    # Of an operator's settings none counts here, what is proven is the Bento alone, but where brought parts lie.
    kept = (BASE, SIGLIP, PACK)
    around = environment(scratch / "home").items()
    plain = {name: value for name, value in around if not name.startswith(PREFIX) or name in kept}
    settings = {**plain, **places, "PIP_NO_INDEX": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with open(output, "wb") as sink:
        start = time.monotonic()
        process = subprocess.Popen(
            command(bento, port=port),
            cwd=scratch,
            env=settings,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, trust_env=False) as client:
                if not _becomes_ready(client, process, ready_seconds):
                    log.error("%s", output.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:])
                    late = f"the packaged service was not ready within {ready_seconds:g} s, its log says why"
                    raise UserError(f"{late}; mend it, or raise package.ready_seconds")
                yield client, time.monotonic() - start
        finally:
            _stop(process)


def _becomes_ready(client: httpx.Client, process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/readyz", timeout=5).status_code == 200:
                return True
        except httpx.TransportError:
            log.debug("nobody listens yet")
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers, which are one process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
