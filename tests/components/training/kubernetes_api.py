"""A Kubernetes API on loopback, and the service account by which the train step asks it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from components.training import nodes


class ApiHandler(BaseHTTPRequestHandler):
    """Answers in JSON, and logs nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base class)
        pass

    def answer(self, body: object, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def in_cluster(handler: type[ApiHandler], folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, the step finds itself in the namespace team-a, whose API server answers as `handler` does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    (folder / "namespace").write_text("team-a\n")
    known = client.Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")
    patch.setattr(config, "load_incluster_config", lambda: client.Configuration.set_default(known))
    patch.setattr(nodes, "NAMESPACE", folder / "namespace")
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.Configuration.set_default(None)
