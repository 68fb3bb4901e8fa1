"""Structured logs: JSON lines with the request's id, and none of the numbers by which pictures can be fetched."""

import json
import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from components.packaging.logs import Named, write_json_lines


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the handlers of all loggers back afterwards."""
    names = ("", "bentoml", "uvicorn", "uvicorn.error")
    kept = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).level) for name in names}
    yield
    for name, (before, level) in kept.items():
        logging.getLogger(name).handlers = before
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False


def test_a_request_keeps_its_id(client: TestClient, handlers: None, capsys: pytest.CaptureFixture[str]) -> None:
    write_json_lines()
    answer = client.get("/tasks/0123456789", headers={"X-Request-ID": "order-7"})
    assert answer.headers["x-request-id"] == "order-7"
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines() if "answered" in text]
    assert (line["request"], line["status"], line["method"], line["level"]) == ("order-7", 404, "GET", "info")
    assert line["path"] == "/tasks/*"
    assert line["seconds"] >= 0


def test_metrics_tell_neither_numbers_of_tasks_nor_paths_that_were_made_up(client: TestClient) -> None:
    for path in ("/tasks/0123456789", "/tasks/0123456789/pictures/0", "/made-up-1", "/made-up-2"):
        assert client.get(path).status_code == 404
    client.post("/layout", json={"people": 1})
    told = client.get("/metrics").text
    assert "0123456789" not in told
    assert "made-up" not in told
    for path, status in (("/tasks/*", 404), ("other", 404), ("/layout", 200)):
        assert f'withanyone_request_seconds_count{{path="{path}",status="{status}"}}' in told


def test_other_ids_are_replaced(client: TestClient) -> None:
    for brought in ("", "a b", "x" * 65, "<script>", "\u00e4"):
        given = client.get("/livez", headers=[(b"x-request-id", brought.encode())]).headers["x-request-id"]
        assert len(given) == 32
        assert given != brought


def test_a_fault_is_answered_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    answer = TestClient(Named(broken)).get("/")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:withanyone:internal-server-error")
    assert "a fault of the program" in caplog.text
