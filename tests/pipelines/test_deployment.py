"""A deployment: the champion served and tried, one that fails taken back, the way back in one call.

A small server stands in for the Bento's, which has tests in its own room; its processes are real.
"""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.packaging import serve
from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.bentos import LINEAGE
from pipelines.cli import app
from pipelines.deployment import Deployment
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run

PROGRAM = """
import http.server, json, pathlib, sys
bento, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
lineage = json.loads((bento / "src" / "bundle" / "lineage.json").read_text())
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/model":
            self.answer(200, json.dumps({"lineage": lineage}).encode())
        else:
            self.answer(500 if (bento / "sick").exists() else 200, b"\\x89PNG")
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Door).serve_forever()
"""


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    def command(bento: Path, host: str = "127.0.0.1", port: int = 0) -> list[str]:
        return [sys.executable, "-c", PROGRAM, str(bento.resolve()), str(port), "bentoml"]

    monkeypatch.setattr(serve, "command", command)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    found = Deployment(tmp_path / "deployment", port, Runs(tmp_path / "runs"), Registry(tmp_path / "registry"))
    yield found
    found.server.stop()


def promoted(deployment: Deployment, seed: int, sick: bool = False) -> str:
    """A version whose run has packaged a Bento."""
    champion = deployment.registry.production()
    model = deployment.registry.find(champion)["model"] if champion else None
    run = decided_run(deployment.runs.folder.parent, seed=seed, champion=model)
    record = promote(deployment.runs, "latest", deployment.registry, Approval("ada"))
    write_json(run / "bento" / LINEAGE, {"model": record["model"], "decision": record["decision"]})
    for name in ("bento.yaml", "proof.json", *(["sick"] if sick else [])):
        (run / "bento" / name).write_text("{}")
    return str(record["version"])


def test_the_champion_is_served_and_a_second_call_leaves_it_running(deployment: Deployment) -> None:
    with pytest.raises(UserError, match="no version in production"):
        deployment.reconcile()
    version = promoted(deployment, 1)
    first = deployment.reconcile()
    assert (first["version"], first["rolled_back"]) == (version, None)
    running = deployment.server.processes()
    assert deployment.reconcile() == first
    assert deployment.server.processes() == running
    assert deployment.server.model() == first["model"]
    assert read_json(deployment.folder / "forgotten.json") == {"people": []}


def test_a_port_that_another_program_has_blames_no_version(deployment: Deployment) -> None:
    promoted(deployment, 1)
    with socket.create_server(("127.0.0.1", deployment.port)), pytest.raises(UserError) as refused:
        deployment.reconcile()
    assert str(refused.value) == f"The port {deployment.port} is taken by another program: name another one."


def test_what_is_served_ends_when_it_is_asked_to(deployment: Deployment) -> None:
    version = promoted(deployment, 1)
    deployment.reconcile()
    words = ["deploy", "--stop", "--deployment", str(deployment.folder), "--registry", str(deployment.registry.root)]
    for told in ("ended; `withanyone deploy` starts it again\n", "nothing was served\n"):
        assert CliRunner().invoke(app, words).stdout == told
        assert deployment.server.processes() == set()
    assert deployment.registry.production() == version


def test_a_version_that_fails_its_requests_is_rolled_back_by_itself(deployment: Deployment) -> None:
    first = promoted(deployment, 1)
    deployment.reconcile()
    second = promoted(deployment, 2, sick=True)
    done = deployment.reconcile()
    assert (done["version"], done["rolled_back"]) == (first, second)
    assert "500" in done["why"]
    assert deployment.registry.production() == first
    assert deployment.server.model() == deployment.registry.find(first)["model"]
    assert deployment.runs.find("champion").name == deployment.registry.find(first)["run"]
    assert deployment.reconcile()["rolled_back"] is None


def promoted_while_one_serves(deployment: Deployment) -> str:
    """The version of a second champion, promoted while the first one serves."""
    promoted(deployment, 1)
    deployment.reconcile()
    return promoted(deployment, 2)


def test_a_deploy_that_was_killed_while_it_fetched_the_references_blames_no_version(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = promoted_while_one_serves(deployment)

    def killed(_: Registry, version: str, name: str, target: Path) -> None:
        (target / "images").mkdir(parents=True)  # DVC writes into the folder itself, file by file
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "fetch", killed)
        with pytest.raises(KeyboardInterrupt):
            deployment.reconcile()
    done = deployment.reconcile()
    assert (done["version"], done["rolled_back"]) == (second, None)


def test_references_that_cannot_be_fetched_are_told_and_roll_nothing_back(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = promoted_while_one_serves(deployment)

    def refuse(*_: object) -> None:
        raise UserError("bring the remote back")

    monkeypatch.setattr(Registry, "fetch", refuse)
    with pytest.raises(UserError, match="bring the remote back"):
        deployment.reconcile()
    assert deployment.registry.production() == second


def test_a_version_that_a_person_took_back_is_not_gone_back_to(deployment: Deployment) -> None:
    first = promoted(deployment, 1)
    promoted(deployment, 2)
    deployment.go_back(None)
    third = promoted(deployment, 3, sick=True)
    done = deployment.reconcile()
    assert (done["version"], done["rolled_back"]) == (first, third)


def test_the_first_version_that_fails_leaves_nothing_serving(deployment: Deployment) -> None:
    promoted(deployment, 1, sick=True)
    with pytest.raises(UserError, match="no champion is before it"):
        deployment.reconcile()
    assert deployment.server.processes() == set()


def test_the_way_back_is_served_where_one_is_served_and_may_be_forward(deployment: Deployment) -> None:
    first, second = promoted(deployment, 1), promoted(deployment, 2)
    assert deployment.go_back(None) == {"version": first}
    assert deployment.server.processes() == set()
    deployment.reconcile()
    assert deployment.go_back(second)["url"] == deployment.server.url
    assert deployment.server.model() == deployment.registry.find(second)["model"]


def test_a_killed_server_is_started_again(deployment: Deployment) -> None:
    promoted(deployment, 1)
    deployment.reconcile()
    deployment.server.stop()
    assert deployment.server.model() is None
    assert deployment.reconcile()["model"] == deployment.server.model()


@pytest.mark.parametrize("words", ["deploy --stop", "deploy", "rollback", "rollback --to v1"])
def test_where_nothing_was_promoted_nothing_is_made(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words.split())
    assert "nothing was served" in done.stdout or "no version in production: promote a run first" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
