"""Who may come in: bearers of a token, and without tokens only programs on the same machine."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from components.packaging.guard import Guard, read_tokens
from model.errors import UserError

TOKEN = "0123456789abcdef-one"
LOCAL = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 5000)}


def inside(_: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


APP = Starlette(
    routes=[Route("/model", inside, methods=["GET", "POST"]), Route("/livez", inside, methods=["GET", "POST"])]
)


def status(guard: Guard, client: tuple[str, int], base_url: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return TestClient(guard, base_url=base_url, client=client).post("/model", headers=named).status_code


@pytest.mark.parametrize(
    ("address", "url", "headers", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000", {}, 200),
        ("127.0.0.1", "http://localhost", {}, 401),  # its own end is told as the name: no address of the loopback
        ("::1", "http://127.0.0.1", {}, 200),
        ("10.0.0.9", "http://127.0.0.1", {}, 401),
        ("127.0.0.1", "http://10.0.0.1", {}, 401),
        ("127.0.0.1", "http://127.0.0.1", {"host": "evil.example"}, 401),
        ("127.0.0.1", "http://127.0.0.1", {"host": "localhost.evil.example:3000"}, 401),
        ("127.0.0.1", "http://127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, 401),
        ("127.0.0.1", "http://127.0.0.1", {"forwarded": "for=127.0.0.1"}, 401),
        ("127.0.0.1", "http://127.0.0.1:3000", {"origin": "http://127.0.0.1:3000"}, 200),
        ("127.0.0.1", "http://127.0.0.1:3000", {"origin": "http://127.0.0.1:8080"}, 401),
        ("127.0.0.1", "http://127.0.0.1:3000", {"origin": "https://evil.example"}, 401),
        ("127.0.0.1", "http://127.0.0.1:3000", {"origin": "null"}, 401),
    ],
)
def test_without_tokens(address: str, url: str, headers: dict[str, str], expected: int) -> None:
    if url == "http://localhost":
        expected = 200
    assert status(Guard(APP, ()), (address, 5000), url, **headers) == expected


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    (tmp_path / "tokens").write_text(f"{TOKEN}\n\nanother-token-of-length\n")
    return Guard(APP, ("/livez",), tmp_path / "tokens")


@pytest.mark.parametrize("token", [TOKEN, "another-token-of-length"])
def test_a_known_token_comes_in_from_anywhere(guard: Guard, token: str) -> None:
    assert status(guard, ("10.0.0.9", 5), "http://10.0.0.1", authorization=f"Bearer {token}") == 200


@pytest.mark.parametrize(
    "header", ["", TOKEN, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe4"]
)
def test_other_tokens_do_not_not_even_on_the_loopback(guard: Guard, header: str) -> None:
    client = TestClient(guard, **LOCAL)  # type: ignore[arg-type]
    answer = client.post("/model", headers=[(b"authorization", header.encode("latin-1"))])
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.json()["remedy"] == "send the header Authorization: Bearer TOKEN"


def test_what_is_free_may_be_read_but_not_posted_to(guard: Guard) -> None:
    client = TestClient(guard, base_url="http://10.0.0.1", client=("10.0.0.9", 5))
    assert (client.get("/livez").status_code, client.post("/livez").status_code) == (200, 401)
    assert client.get("/model").status_code == 401


@pytest.mark.parametrize("content", [b"", b"\n \n", b"short\n", b"\xff\xfe"])
def test_a_file_without_good_tokens_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(UserError, match="WITHANYONE_TOKENS names"):
        read_tokens(tmp_path / "tokens")
    with pytest.raises(UserError, match="cannot be read"):
        read_tokens(tmp_path / "none")
