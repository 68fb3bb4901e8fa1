"""Submissions to a cluster against a server on loopback: versions, runs, schedules, states, decisions, refusals."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from components.steps import STEPS
from model.errors import UserError
from pipelines import kubeflow as server_module
from pipelines.cli import app
from pipelines.cluster import Cluster
from pipelines.kubeflow import OutOfReachError, Server
from pipelines.settings import SettingsError
from pipelines.submit import check_schedule, follow
from tests.pipelines.bucket import STORE, mount, unmount
from tests.pipelines.decided import decided_run, put_in_store
from tests.pipelines.kubeflow import Kubeflow, kubeflow

DONE = {step.name: "SUCCEEDED" for step in STEPS}


@pytest.fixture
def kfp() -> Iterator[Kubeflow]:
    with kubeflow() as state:
        yield state


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder whose cluster.yaml names a store of artefacts in it, and a client that looks without a pause."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (tmp_path / "cluster.yaml").write_text(f"artefacts: {STORE}\nservice_account: runner\n")
    mount(tmp_path)
    yield tmp_path
    unmount()


def submit(kfp: Kubeflow, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["submit", "--host", kfp.host, *arguments])


def decide(home: Path, run: str, verdict: str) -> None:
    folder = home / "store" / "withanyone-retrain" / run / "gate" / "some-execution" / "decision"
    folder.mkdir(parents=True)
    (folder / "decision.json").write_text(json.dumps({"verdict": verdict, "reason": "as the file says"}))


def started(kfp: Kubeflow) -> str:
    """A run that was started without waiting."""
    done = submit(kfp, "--no-wait", "--json")
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)["run"])


@pytest.mark.parametrize(("verdict", "code"), [("promote", 0), ("hold", 5), ("reject", 5)])
def test_a_run_is_followed_to_its_decision(kfp: Kubeflow, home: Path, verdict: str, code: int) -> None:
    run = started(kfp)
    decide(home, run, verdict)
    kfp.course = [
        {"photos": "RUNNING", "photos-driver": "SUCCEEDED"},
        {"photos": "SUCCEEDED", "curate": "RUNNING"},
        {"photos": "SUCCEEDED", "curate": "RUNNING"},
        {**DONE, "": "SUCCEEDED"},
    ]
    done = submit(kfp, "--run", run, "--json")
    assert done.exit_code == code, done.output
    record = json.loads(done.stdout)
    assert (record["verdict"], record["decision"]["reason"], record["state"]) == (
        verdict,
        "as the file says",
        "succeeded",
    )
    assert record["steps"] == {step.name: "succeeded" for step in STEPS}
    shown = [line.split() for line in done.stderr.splitlines()]
    assert shown[:3] == [["photos", "running"], ["photos", "succeeded"], ["curate", "running"]]
    assert ["photos-driver", "succeeded"] not in shown
    assert shown.count(["curate", "running"]) == 1
    assert "as the file says" in submit(kfp, "--run", run).stdout


def test_what_is_sent_is_the_graph_once_a_version_and_a_run_of_it(kfp: Kubeflow) -> None:
    started(kfp)
    started(kfp)
    assert len(kfp.uploaded) == len(kfp.versions) == len(kfp.pipelines) == len(kfp.experiments) == 1
    assert b"withanyone-retrain" in kfp.uploaded[0]
    assert len(kfp.runs) == 2
    run = next(iter(kfp.runs.values()))
    assert run["service_account"] == "runner"
    assert run["runtime_config"]["pipeline_root"] == STORE
    assert run["pipeline_version_reference"] == {
        "pipeline_id": next(iter(kfp.pipelines)),
        "pipeline_version_id": "version-0",
    }
    submit(kfp, "--no-wait", "--set", "train.seed=8")
    assert len(kfp.versions) == 2
    assert len(kfp.pipelines) == 1


def test_a_name_is_one_run_unless_it_failed(kfp: Kubeflow) -> None:
    def named(name: str) -> str:
        return str(json.loads(submit(kfp, "--no-wait", "--json", "--name", name).stdout)["run"])

    first = named("retrain weekly")
    assert named("retrain weekly") == first
    assert kfp.runs[first]["display_name"] == "retrain weekly"
    assert named("retrain by hand") != first
    kfp.runs[first]["state"] = "FAILED"
    second = named("retrain weekly")
    assert second != first
    assert named("retrain weekly") == second
    assert len(kfp.runs) == 3


def test_a_followed_run_is_brought_home(kfp: Kubeflow, home: Path) -> None:
    run = started(kfp)
    put_in_store(decided_run(home / "there", verdict="hold"), home / "store", run)
    kfp.course = [{**DONE, "": "SUCCEEDED"}]
    done = submit(kfp, "--run", run, "--fetch", "--json")
    assert done.exit_code == 5, done.output
    folder = Path(json.loads(done.stdout)["folder"])
    assert folder == home / "runs" / f"20261128-030000-{run[:8]}"
    assert (folder / "model" / "training.json").is_file()
    assert str(folder) in submit(kfp, "--run", run, "--fetch").stdout


def test_a_schedule_takes_the_place_of_the_one_before(kfp: Kubeflow) -> None:
    assert submit(kfp, "--schedule", "0 3 * * 1").exit_code == 0
    done = submit(kfp, "--schedule", "30 4 * * *", "--json")
    assert done.exit_code == 0
    assert list(kfp.schedules) == [json.loads(done.stdout)["schedule"]]
    kept = next(iter(kfp.schedules.values()))
    assert kept["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * *"
    assert (kept["no_catchup"], kept["max_concurrency"], kept["mode"]) == (True, 1, "ENABLE")
    assert kfp.runs == {}


@pytest.mark.parametrize("cron", ["0 3 * *", "0 0 3 * * 1", "61 * * * *", "@daily", "0 3 * * 7", "x"])
def test_a_schedule_that_the_server_reads_otherwise_is_refused(cron: str) -> None:
    with pytest.raises(SettingsError, match="is no cron expression of five fields"):
        check_schedule(cron)


@pytest.mark.parametrize(("step", "code"), [("validate", 4), ("train", 1), (None, 1)])
def test_a_failed_run_names_its_step(kfp: Kubeflow, step: str | None, code: int) -> None:
    run = started(kfp)
    kfp.course = [{"photos": "SUCCEEDED", "": "FAILED", **({step: "FAILED"} if step else {})}]
    done = submit(kfp, "--run", run, "--json")
    assert done.exit_code == code
    record = json.loads(done.stdout)
    assert record["failure"] == {"step": step, "words": "a step failed"}
    assert "decision" not in record
    assert submit(kfp, "--run", run).exit_code == code


def test_a_server_out_of_reach_for_a_while_is_asked_again(kfp: Kubeflow, home: Path) -> None:
    run = started(kfp)
    decide(home, run, "promote")
    kfp.course = [{**DONE, "": "SUCCEEDED"}]
    kfp.refuse = [503, 502]
    assert submit(kfp, "--run", run).exit_code == 0
    assert kfp.refuse == []


def test_a_server_out_of_reach_for_long_leaves_the_run_to_be_followed_later(
    kfp: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", -1.0)
    kfp.refuse = [503]
    with pytest.raises(
        OutOfReachError, match=r"answered 503 .*: not now. The run r1 goes on: follow it later with --run r1"
    ):
        Server(kfp.host, Cluster()).follow("r1", lambda *_: None)


def test_refusals_are_sentences(kfp: Kubeflow) -> None:
    known = Server(kfp.host, Cluster())
    with pytest.raises(UserError, match=r"answered 404 Not Found: r9 not found"):
        known.follow("r9", lambda *_: None)
    kfp.refuse = [401]
    with pytest.raises(UserError, match=r"refuses these credentials \(401\): give a valid token"):
        known.follow("r9", lambda *_: None)
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 cannot be reached \(Connection refused\)"):
        Server("http://127.0.0.1:9", Cluster(namespace="team")).upload(Path("x.yaml"), "1")


@pytest.mark.parametrize("namespace", [None, "team"])
@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        (
            b"<html>Please log in</html>",
            200,
            "answers, but not as Kubeflow Pipelines does, such as with a page to log in",
        ),
        (b"null", 200, "answers, but not as Kubeflow Pipelines does"),
        (b"[]", 200, "answers, but not as Kubeflow Pipelines does"),
        (b"", 401, "refuses these credentials (401): give a valid token in WITHANYONE_KFP_TOKEN"),
        (b"<html>no such page</html>", 404, "answered 404 Not Found: <html>no such page</html>."),
        (b"<html>bad gateway</html>", 502, "answered 502 Bad Gateway: <html>bad gateway</html>."),
    ],
)
def test_what_is_no_server_of_kubeflow_is_a_sentence(
    kfp: Kubeflow, said: bytes, status: int, sentence: str, namespace: str | None
) -> None:
    kfp.health = said, status
    with pytest.raises(UserError) as error:
        Server(kfp.host, Cluster(namespace=namespace))
    assert sentence in str(error.value)


def test_a_server_that_takes_a_request_and_never_answers_is_out_of_reach(
    kfp: Kubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ANSWER", (5.0, 0.2))
    known = Server(kfp.host, Cluster())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        known.client._healthz_api.api_client.configuration.host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OutOfReachError, match=r"cannot be reached \(Connection timed out\)"):
            known.upload(Path("x.yaml"), "1")
        with pytest.raises(OutOfReachError, match=r"cannot be reached \(Connection timed out\)"):
            Server(f"http://127.0.0.1:{silent.getsockname()[1]}", Cluster())


def test_a_token_is_sent_and_never_shown(kfp: Kubeflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHANYONE_KFP_TOKEN", "hush")
    done = submit(kfp, "--no-wait")
    assert set(kfp.tokens) == {"Bearer hush"}
    assert "hush" not in done.output
    assert b"hush" not in kfp.uploaded[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "kfp.example"], "is http:// or https:// with a host, and no password"),
        (["--host", "http://"], "is http:// or https:// with a host, and no password"),
        (["--host", "http://ada:word@kfp"], "is http:// or https:// with a host, and no password"),
        (["--host", "http://kfp:port"], "is http:// or https:// with a host, and no password"),
        (["--host", "http://127.0.0.1:9", "--schedule", "often"], "is no cron expression"),
        (["--host", "http://127.0.0.1:9", "--fetch", "--no-wait"], "--fetch waits for the decision of one run"),
        (["--host", "http://127.0.0.1:9", "--set", "photos.folder=/home/me/photos"], "which a cluster cannot see"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(arguments: list[str], sentence: str) -> None:
    error = CliRunner().invoke(app, ["submit", *arguments]).exception
    assert sentence in str(error)


def test_a_run_whose_decision_could_not_be_found_is_refused_first(home: Path) -> None:
    (home / "cluster.yaml").unlink()
    error = CliRunner().invoke(app, ["submit", "--host", "http://127.0.0.1:9"]).exception
    assert isinstance(error, SettingsError)
    assert "has no artefacts, so the decision could not be found" in str(error)


def test_records_of_followed_runs_hold_a_link(kfp: Kubeflow, home: Path) -> None:
    import io

    from rich.console import Console

    run = started(kfp)
    kfp.course = [{"": "CANCELED"}]
    record: dict[str, Any] = follow(Server(f"{kfp.host}/", Cluster()), run, Console(file=io.StringIO()))
    assert record["link"] == f"{kfp.host}/#/runs/details/{run}"
    assert (record["state"], record["exit_code"]) == ("canceled", 1)
