"""What the Kubernetes API may answer beside the usual: what passes is waited for, what does not is one sentence."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.training import nodes
from components.training.nodes import ClusterJobs
from model.errors import UserError
from tests.components.training.kubernetes_api import ApiHandler, in_cluster

CUT, SLOW = 0, -1  # a connection that is closed without an answer, and one on which none comes in time


class Api:
    """An API server on loopback that answers each request with the next of `answers`, and with 200 after them."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.asked: list[str] = []
        self.done = threading.Event()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    state = Api()

    class Handler(ApiHandler):
        def reply(self) -> None:
            state.asked.append(self.command)
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            status = state.answers.pop(0) if state.answers else 200
            if status == SLOW:
                state.done.wait(30)
            if status in (CUT, SLOW):
                self.close_connection = True
            else:
                self.answer({"metadata": {"name": "one"}, "message": "the server says so"}, status)

        do_GET = do_POST = do_DELETE = reply  # noqa: N815  (names of the base class)

    monkeypatch.setattr(nodes, "LONGEST", 0.01)
    with in_cluster(Handler, tmp_path, monkeypatch):
        yield state
        state.done.set()


@pytest.mark.parametrize("passing", [500, 503, 429, CUT])
def test_what_passes_is_asked_again(api: Api, passing: int) -> None:
    api.answers = [passing, passing, 200]
    assert ClusterJobs().get("one") == {"metadata": {"name": "one"}, "message": "the server says so"}
    assert api.asked == ["GET"] * 3


def test_a_server_that_takes_a_request_and_never_answers_is_asked_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "ANSWER", (5.0, 0.2))
    api.answers = [SLOW]
    assert ClusterJobs().get("one")
    assert api.asked == ["GET"] * 2


def test_a_job_that_was_made_or_removed_without_an_answer_is_so_once(api: Api) -> None:
    jobs = ClusterJobs()
    api.answers = [CUT, 409, CUT, 404]
    jobs.create({"metadata": {"name": "one"}})
    jobs.delete("one")
    assert api.asked == ["POST"] * 2 + ["DELETE"] * 2


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "see that the pod's service account is still there"),
        (403, "let the service account get, create and delete trainjobs"),
        (418, "install Kubeflow Trainer"),
        (503, "see that its API server and Kubeflow Trainer are well"),
    ],
)
@pytest.mark.parametrize("what", ["show", "make", "remove"])
def test_a_refusal_that_stays_is_a_sentence_whatever_was_asked(api: Api, status: int, remedy: str, what: str) -> None:
    jobs = ClusterJobs()
    api.answers = [status] * (nodes.RETRIES + 1)
    ask = {"show": jobs.get, "remove": jobs.delete, "make": lambda name: jobs.create({"metadata": {"name": name}})}[
        what
    ]
    with pytest.raises(UserError, match=rf"refuses to {what} the TrainJob \({status} .*\): .*{remedy}.*server says so"):
        ask("one")


def test_a_server_that_is_gone_is_a_sentence(api: Api) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        jobs = ClusterJobs()
        jobs.api.api_client.configuration.host = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(UserError, match=r"the cluster's API does not answer \(Connection refused\): .*found again"):
            jobs.get("one")


def test_a_certificate_that_is_not_trusted_is_a_sentence(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    import urllib3

    def distrust(*_: Any, **__: Any) -> Any:
        raise urllib3.exceptions.SSLError("it ends here") from ssl.SSLError(1, "unknown CA")

    jobs = ClusterJobs()
    monkeypatch.setattr(jobs.api.api_client.rest_client.pool_manager, "request", distrust)
    with pytest.raises(UserError, match=r"does not answer \(.*unknown CA"):
        jobs.get("one")


def test_a_job_may_take_as_long_to_go_as_its_pods_have_to_write_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    class Jobs:
        looks = 0

        def get(self, name: str) -> dict[str, Any] | None:
            self.looks += 1
            return {} if self.looks <= 300 or name == "held" else None

        def create(self, job: dict[str, Any]) -> None: ...

        def delete(self, name: str) -> None: ...

    monkeypatch.setattr(time, "sleep", lambda _: None)
    nodes._remove(Jobs(), "one")
    with pytest.raises(UserError, match="the TrainJob held is still there 6 minutes after it was removed"):
        nodes._remove(Jobs(), "held")
