"""A real Chromium, driven over the WebDriver protocol."""

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

KEY = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for an element
MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
SWITCHES = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


class Browser:
    """One window."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self.client, self.session = client, session

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"/session/{self.session}/{path}"
        answer = self.client.get(url) if body is None else self.client.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def open(self, url: str) -> None:
        self.ask("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.ask("execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css: str) -> str:
        return str(self.ask("element", {"using": "css selector", "value": css})[KEY])

    def type(self, css: str, text: str) -> None:
        self.ask(f"element/{self.find(css)}/value", {"text": text})

    def click(self, css: str) -> None:
        self.ask(f"element/{self.find(css)}/click", {})

    def keys(self, *keys: str, held: str = "") -> None:
        """Press keys one after the other, perhaps while another is held, in whatever has the focus."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        around = ([{"type": "keyDown", "value": held}], [{"type": "keyUp", "value": held}]) if held else ([], [])
        self.ask("actions", {"actions": [{"type": "key", "id": "keys", "actions": [*around[0], *strokes, *around[1]]}]})

    def drag(self, start: tuple[int, int], end: tuple[int, int], kind: str = "mouse") -> None:
        """Drag from one place of the window to another, in pixels, with a mouse or a finger (`touch`)."""
        moves = [
            {"type": "pointerMove", "duration": 0 if i == 0 else 60, "x": x, "y": y}
            for i, (x, y) in enumerate((start, end))
        ]
        steps = [moves[0], {"type": "pointerDown", "button": 0}, moves[1], {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": steps}
        self.ask("actions", {"actions": [pointer]})

    def until(self, script: str, seconds: float = 20) -> Any:
        """The value of a script once it is true."""
        deadline, value = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            value = self.run(f"return {script}")
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"{script} stayed {value!r}; the page says {self.run('return document.body.innerText')}")

    def faults(self) -> list[str]:
        """What the page logged as a fault: scripts that failed, files that did not come, policies that were broken."""
        return [entry["message"] for entry in self.ask("se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def photograph(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.ask("screenshot")))


@contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 900, phone: bool = False) -> Iterator[Browser]:
    """A window of the given size in pixels; as a `phone` with touch and a narrow viewport of that size."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    options: dict[str, Any] = {"args": [*SWITCHES, f"--user-data-dir={profile}", f"--window-size={width},{height}"]}
    if phone:
        options["mobileEmulation"] = {
            "deviceMetrics": {"width": width, "height": height, "pixelRatio": 2, "touch": True}
        }
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            _wait(client)
            made = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
            assert made.status_code == 200, made.text
            session = made.json()["value"]["sessionId"]
            yield Browser(client, session)
            client.delete(f"/session/{session}")
    finally:
        driver.terminate()
        driver.wait(10)


def _wait(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            if client.get("/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("chromedriver did not become ready")
