"""A web server on loopback with well and ill behaved pages, which counts what it is asked for."""

import io
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


def picture(seed: int = 0, kind: str = "JPEG", side: int = 24) -> bytes:
    """A picture of noise in the file format `kind`."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@dataclass
class Page:
    """What a path answers: the statuses in turn, the last again and again, with headers and a body."""

    body: bytes = b""
    status: tuple[int, ...] = (200,)
    headers: tuple[tuple[str, str], ...] = ()
    slow: float = 0.0  # seconds between the pieces of the body
    reset: int = 0  # answers that end in a connection reset


@dataclass
class Site:
    """The pages of the server by path, how often each was asked for, and how many requests ran at one time."""

    root: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    busy: int = 0
    busiest: int = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets
    site: Site

    def do_GET(self) -> None:
        site = self.site
        with site.lock:
            site.asked[self.path] += 1
            time_asked = site.asked[self.path]
            site.busy += 1
            site.busiest = max(site.busiest, site.busy)
        try:
            self._answer(site.pages.get(self.path, Page(status=(404,))), time_asked)
        except OSError:
            self.close_connection = True  # the client has gone
        finally:
            with site.lock:
                site.busy -= 1

    def _answer(self, page: Page, time_asked: int) -> None:
        self.send_response(page.status[min(time_asked, len(page.status)) - 1])
        for name, value in page.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if time_asked <= page.reset:
            self.wfile.write(page.body[: len(page.body) // 2])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        step = 200 if page.slow else len(page.body) or 1
        for start in range(0, len(page.body), step):
            self.wfile.write(page.body[start : start + step])
            time.sleep(page.slow)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the interface is the library's)
        pass


@contextmanager
def serving() -> Iterator[Site]:
    """A site of its own on a free port of loopback, until the block ends."""
    site = Site("")
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.root = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
