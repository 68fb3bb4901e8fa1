"""A stand-in for a Kubeflow Pipelines server on loopback: the part of its v2beta1 API that a submission uses."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

API = "/apis/v2beta1"
Kept = dict[str, dict[str, Any]]


class Kubeflow:
    """What the server holds; each look at a run takes it one state of `course` further."""

    def __init__(self) -> None:
        self.pipelines: Kept = {}
        self.versions: Kept = {}
        self.experiments: Kept = {}
        self.runs: Kept = {}
        self.schedules: Kept = {}
        self.uploaded: list[bytes] = []
        self.tokens: list[str | None] = []
        self.course: list[dict[str, str]] = [{}]  # state by task at each look; the run's own under ""
        self.refuse: list[int] = []  # status codes of the next answers about a run
        self.started: Callable[[str], object] = lambda run: None  # called with the id of each run that is started
        self.looks = 0
        self.health: tuple[bytes, int] = (b'{"multi_user": false}', 200)  # what it says of itself
        self.host = ""

    def kept(self, name: str) -> Kept:
        return {
            "pipelines": self.pipelines,
            "experiments": self.experiments,
            "runs": self.runs,
            "recurringruns": self.schedules,
        }[name]

    def seen(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run as it is now, one state further than at the last look."""
        states = self.course[min(self.looks, len(self.course) - 1)]
        self.looks += 1
        tasks = [
            {"task_id": f"id-{name}", "display_name": name, "state": state} for name, state in states.items() if name
        ]
        error = {"error": {"message": "a step failed"}} if states.get("") == "FAILED" else {}
        return {**run, "state": states.get("", "RUNNING"), "run_details": {"task_details": tasks}, **error}


@contextmanager
def kubeflow() -> Iterator[Kubeflow]:
    """A server that runs while the block does."""
    state = Kubeflow()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.host = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


IDS = {
    "pipelines": "pipeline_id",
    "experiments": "experiment_id",
    "runs": "run_id",
    "recurringruns": "recurring_run_id",
}
LISTS = {"pipelines": "pipelines", "experiments": "experiments", "runs": "runs", "recurringruns": "recurringRuns"}
MADE = "2026-11-28T03:00:00Z"


class _Handler(BaseHTTPRequestHandler):
    state: Kubeflow

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base class)
        pass

    def do_GET(self) -> None:
        path, query = self._asked()
        if path == ["healthz"]:
            return self._send(*self.state.health)
        if len(path) == 3:  # pipelines/ID/versions
            kept = {key: one for key, one in self.state.versions.items() if one["pipeline_id"] == path[1]}
            return self._answer({"pipeline_versions": self._matching(kept, query)})
        if len(path) == 1:
            return self._answer({LISTS[path[0]]: self._matching(self.state.kept(path[0]), query)})
        if path[0] == "runs" and self.state.refuse:
            return self._answer({"message": "not now"}, self.state.refuse.pop(0))
        found = self.state.kept(path[0]).get(path[1])
        if not found:
            return self._answer({"message": f"{path[1]} not found"}, 404)
        return self._answer(self.state.seen(found) if path[0] == "runs" else found)

    def do_POST(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if path == ["pipelines", "upload_version"]:
            number = f"version-{len(self.state.versions)}"
            self.state.uploaded.append(body)
            made = {"pipeline_id": query["pipelineid"], "pipeline_version_id": number, "display_name": query["name"]}
            self.state.versions[number] = made
            return self._answer(made)
        kept = self.state.kept(path[0])
        number = f"{path[0]}-{len(kept)}-{len(self.state.tokens)}"
        kept[number] = {**json.loads(body), IDS[path[0]]: number, "created_at": MADE}
        if path == ["runs"]:
            self.state.started(number)
        return self._answer(kept[number])

    def do_DELETE(self) -> None:
        path, _ = self._asked()
        del self.state.kept(path[0])[path[1]]
        self._answer({})

    def _asked(self) -> tuple[list[str], dict[str, str]]:
        self.state.tokens.append(self.headers.get("Authorization"))
        url = urlparse(self.path)
        assert url.path.startswith(f"{API}/"), url.path
        parts = re.sub(r"^/", "", url.path.removeprefix(API)).split("/")
        return parts, {name: values[0] for name, values in parse_qs(url.query).items()}

    def _matching(self, kept: Kept, query: dict[str, str]) -> list[dict[str, Any]]:
        wanted = json.loads(query["filter"])["predicates"][0] if "filter" in query else None
        value = wanted and (wanted.get("stringValue") or wanted.get("string_value"))
        return [one for one in kept.values() if not wanted or one["display_name"] == value]

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        self._send(json.dumps(body).encode(), status)

    def _send(self, data: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
