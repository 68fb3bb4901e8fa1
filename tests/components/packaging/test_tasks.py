"""Orders that are not waited for, over HTTP: progress, pictures, cancelling, and what is forgotten when."""

import gc
import time
import weakref
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pytest
from starlette.testclient import TestClient

from components.packaging.engine import Engine
from components.packaging.line import Line, Ticket
from components.packaging.refusals import RefusalError
from components.packaging.tasks import Tasks
from tests.components.packaging.files import SVG, base64_of, encoded
from tests.components.packaging.small import with_faces

ORDER = {"prompt": "a person", "references": [base64_of(encoded(with_faces(40)))], "pictures": 2}


@pytest.fixture
def slow(served: tuple[TestClient, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served[1].pipeline, "pause", 0.05)


def until(client: TestClient, number: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    told: dict[str, Any] = {}
    while time.monotonic() < deadline:
        told = client.get(f"/tasks/{number}").json()
        if told["state"] in states:
            return told
        time.sleep(0.01)
    raise AssertionError(told)


def test_a_task_is_watched_and_fetched(client: TestClient, slow: None) -> None:
    answer = client.post("/tasks", json=ORDER)
    number = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/tasks/{number}")
    assert until(client, number, "running")["progress"] < 1
    told = until(client, number, "done")
    assert (told["progress"], len(told["pictures"])) == (1, 2)
    direct = client.post("/generate", json={**ORDER, "pictures": 1})
    fetched = client.get(told["pictures"][0])
    assert (fetched.headers["content-type"], fetched.headers["cache-control"]) == ("image/png", "no-store")
    assert fetched.content[:40] == direct.content[:40]
    assert "has 2 pictures" in client.get(f"/tasks/{number}/pictures/2").json()["detail"]


def test_a_task_is_cancelled(client: TestClient, slow: None) -> None:
    running, waiting = (client.post("/tasks", json={**ORDER, "steps": 60}).json()["id"] for _ in range(2))
    until(client, running, "running")
    assert client.get(f"/tasks/{waiting}").json()["ahead"] == 1
    assert client.get(f"/tasks/{running}/pictures/0").status_code == 409
    for number in (waiting, running):
        assert client.delete(f"/tasks/{number}").json()["state"] == "cancelled"
    assert client.post("/generate", json={**ORDER, "pictures": 1}).status_code == 200
    assert client.get(f"/tasks/{running}").json()["state"] == "cancelled"


def test_a_task_that_cannot_be_done_says_why(client: TestClient) -> None:
    number = client.post("/tasks", json={**ORDER, "references": [base64_of(SVG)]}).json()["id"]
    told = until(client, number, "failed")
    assert told["problem"]["what"] == "references[0]"
    assert told["problem"]["status"] == 422


def test_forms_are_checked_before_a_task_is_taken(client: TestClient) -> None:
    answer = client.post("/tasks", json={**ORDER, "seed": -1})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_number_that_is_not_known(client: TestClient, method: str) -> None:
    answer = client.request(method, "/tasks/0123")
    assert (answer.status_code, answer.json()["what"]) == (404, "The task")


def test_finished_tasks_are_forgotten_by_age_and_by_number() -> None:
    now = 0.0
    line = Line(waiting=9, seconds=60)
    tasks = Tasks(line, keep=2, seconds=10, clock=lambda: now)

    def finished() -> str:
        ticket = line.join(lambda _: [b"picture"])
        number = tasks.add(ticket)
        ticket.future.result(5)
        return number

    numbers = [finished() for _ in range(3)]
    with pytest.raises(RefusalError, match="is not known"):
        tasks.told(numbers[0])
    assert tasks.picture(numbers[1], 0) == b"picture"
    now = 11.0
    with pytest.raises(RefusalError, match="is not known"):
        tasks.told(numbers[1])
    line.close()


class Sent:
    """What was sent with an order."""


def test_a_task_that_ended_holds_nothing_that_was_sent() -> None:
    line, held = Line(waiting=9, seconds=60), []
    tasks = Tasks(line)

    def work(tickets: Sequence[Ticket[list[bytes]]]) -> list[list[bytes]]:
        sent = tickets[0].asked[0]
        held.append(weakref.ref(sent))
        if len(held) == 1:
            return [[b"picture"]]
        raise RefusalError(HTTPStatus.CONFLICT, "It", "is refused", "send another")

    numbers = [tasks.add(line.join_alike(work, [Sent()], None)) for _ in range(2)]
    line.close()
    gc.collect()
    assert [tasks.told(number)["state"] for number in numbers] == ["done", "failed"]
    assert [reference() for reference in held] == [None, None]


def test_a_fault_in_a_task_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(waiting=9, seconds=60)
    tasks = Tasks(line)
    number = tasks.add(line.join(lambda _: [b"%d" % (1 // 0)]))
    line.close()
    assert tasks.told(number)["problem"]["status"] == 500
    assert "ZeroDivisionError" in caplog.text
