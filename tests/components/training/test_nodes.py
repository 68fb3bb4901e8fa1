"""The step that trains on several nodes, against a Kubernetes API on loopback."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import jsonschema
import pytest

from components.training import node, nodes
from components.training.config import NodesConfig, TrainingConfig
from components.training.trainjob import MADE_ROOM
from model import artefacts
from model.errors import PREEMPTED, BusyError, Preempted, UserError
from tests.components.training.kubernetes_api import ApiHandler, in_cluster
from tests.components.training.test_nodes_shared import JOB
from tests.components.training.trainjob_schema import TRAIN_JOB


class Kubernetes:
    """The TrainJobs of an API server on loopback; each made job takes the next of `courses`, a condition a look."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.jobs: dict[str, dict[str, Any]] = {}
        self.made: list[dict[str, Any]] = []
        self.courses: list[list[str]] = [["Created", "Complete"]]
        self.refuse = 0
        self.lingers = 0  # looks at which a job that was removed is still there

    def looked(self, name: str) -> dict[str, Any] | None:
        job = self.jobs.get(name)
        if job and "deletionTimestamp" in job["metadata"]:
            self.lingers -= 1
            return self.jobs.pop(name) if not self.lingers else job
        if job and job["course"]:
            kind = job["course"].pop(0)
            job["status"] = {"conditions": [{"type": kind, "status": "True", "message": f"it is {kind}"}]}
            if kind == "Complete":
                model = Path(job["spec"]["trainer"]["args"][2])
                model.mkdir(exist_ok=True)
                (model / "adapter.safetensors").write_text("trained")
        return job

    def create(self, job: dict[str, Any]) -> None:
        assert (Path(job["spec"]["trainer"]["args"][0]) / "file").read_text() == "dataset"
        self.made.append(job)
        self.jobs[job["metadata"]["name"]] = {**job, "course": list(self.courses.pop(0))}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    """An API server, a pod's facts about it, and the shared volume as a folder."""
    state = Kubernetes(tmp_path / "workspace")
    state.workspace.mkdir()

    class Handler(ApiHandler):
        def name(self) -> str:
            assert self.path.startswith("/apis/trainer.kubeflow.org/v1alpha1/namespaces/team-a/trainjobs"), self.path
            return urlsplit(self.path).path.partition("/trainjobs")[2].removeprefix("/")

        def do_GET(self) -> None:
            job = state.looked(self.name())
            self.answer(job or {"message": "no such job"}, 200 if job else 404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if state.refuse:
                return self.answer({"message": "you may not"}, state.refuse)
            state.create(body)
            return self.answer(body, 201)

        def do_DELETE(self) -> None:
            job = state.jobs.get(self.name())
            if job and state.lingers:
                job["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            elif job:
                del state.jobs[self.name()]
            self.answer(job or {"message": "no such job"}, 200 if job else 404)

    monkeypatch.setattr(nodes, "WORKSPACE", str(state.workspace))
    monkeypatch.setattr(nodes, "SECONDS", 0.01)
    with in_cluster(Handler, tmp_path, monkeypatch):
        yield state


@pytest.fixture
def step(tmp_path: Path) -> dict[str, Any]:
    for name in ("dataset", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    config = NodesConfig(effort=0.5, job=JOB)
    places = {name: tmp_path / name for name in ("dataset", "validation", "model")}
    return {**places, "config": config}


def test_the_step_gives_its_inputs_to_the_nodes_and_takes_their_model(
    cluster: Kubernetes, step: dict[str, Any]
) -> None:
    nodes.run(**step)
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"
    jsonschema.validate(cluster.made[0], TRAIN_JOB)
    dataset, validation, model, settings = cluster.made[0]["spec"]["trainer"]["args"]
    assert TrainingConfig.model_validate_json(settings) == TrainingConfig(effort=0.5)
    assert {Path(place).parent for place in (dataset, validation, model)} == {Path(dataset).parent}
    assert cluster.jobs == {}
    assert list(cluster.workspace.iterdir()) == []


def test_the_nodes_find_their_inputs_where_they_are_told(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(node, "run", lambda **given: seen.append((given, (given["dataset"] / "file").read_text())))
    create = cluster.create

    def create_and_start(job: dict[str, Any]) -> None:
        node.main(*job["spec"]["trainer"]["args"])
        create(job)

    monkeypatch.setattr(cluster, "create", create_and_start)
    nodes.run(**step)
    assert seen[0][1] == "dataset"
    assert seen[0][0]["config"] == TrainingConfig(effort=0.5)


def killed(*given: Any, **_: Any) -> None:
    """Die, and if it is in the midst of deleting a folder, with its dataset half deleted."""
    if isinstance(given[0], Path):
        (given[0] / "dataset" / "file").unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The step in a process of its own, killed when it calls `moment`; its pod is gone with all it wrote."""
    child = os.fork()
    if not child:
        try:
            monkeypatch.setattr(artefacts, "_discard", lambda *_: None)  # which calls rmtree, too
            monkeypatch.setattr(moment, killed)
            nodes.run(**step)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    shutil.rmtree(step["model"], ignore_errors=True)


@pytest.mark.parametrize(
    ("moment", "jobs"),
    [
        ("components.training.nodes.ClusterJobs.create", 1),
        ("components.training.nodes._wait", 1),
        ("components.training.nodes.ClusterJobs.delete", 1),
        ("components.training.nodes._discard", 1),
        ("shutil.rmtree", 2),
    ],
)
def test_a_step_killed_at_any_moment_is_made_up_for_by_the_next(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch, moment: str, jobs: int
) -> None:
    cluster.courses = [["Created", "Complete"]] * 2
    kill_at(moment, step, monkeypatch)
    nodes.run(**step)
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"
    assert len(cluster.made) == jobs
    assert (cluster.jobs, list(cluster.workspace.iterdir())) == ({}, [])


def test_a_job_that_is_complete_and_whose_model_is_gone_is_made_anew(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.courses = [["Complete"]] * 2
    kill_at("components.training.nodes.ClusterJobs.delete", step, monkeypatch)
    (model,) = cluster.workspace.glob("*/model")
    shutil.rmtree(model)
    nodes.run(**step)
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"


def test_a_job_that_failed_fails_the_step_and_is_made_anew_by_the_next(
    cluster: Kubernetes, step: dict[str, Any]
) -> None:
    cluster.courses = [["Created", "Failed"], ["Complete"]]
    with pytest.raises(UserError, match="left no model, Failed: it is Failed; the logs of its pods say more"):
        nodes.run(**step)
    assert not step["model"].exists()
    nodes.run(**step)
    assert len(cluster.made) == 2


def test_a_job_whose_nodes_made_room_is_made_anew_at_once(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.courses = [["Created", "Failed"], ["Created", "Failed"], ["Complete"]]
    create = cluster.create

    def preempted(**_: Any) -> None:
        raise Preempted("made room")

    def create_and_preempt(job: dict[str, Any]) -> None:
        create(job)
        if len(cluster.courses):
            monkeypatch.setattr(node, "run", preempted)
            with pytest.raises(Preempted):
                node.main(*job["spec"]["trainer"]["args"])

    monkeypatch.setattr(cluster, "create", create_and_preempt)
    nodes.run(**step)
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"
    assert (len(cluster.made), cluster.jobs, list(cluster.workspace.iterdir())) == (3, {}, [])


def test_a_job_that_fails_after_one_that_made_room_fails_the_step(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.courses = [["Failed"], ["Failed"]]
    create = cluster.create

    def create_and_preempt_the_first(job: dict[str, Any]) -> None:
        create(job)
        if len(cluster.courses):
            Path(job["spec"]["trainer"]["args"][2]).with_name(MADE_ROOM).touch()

    monkeypatch.setattr(cluster, "create", create_and_preempt_the_first)
    with pytest.raises(UserError, match="left no model, Failed"):
        nodes.run(**step)
    assert len(cluster.made) == 2


def test_nodes_that_can_only_fail_again_are_not_started_again(
    cluster: Kubernetes, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.courses = [["Running"] * 9, ["Running"] * 2, ["Complete"]]
    create = cluster.create
    raised = [UserError("training: flow is not finite at step 7"), BusyError("another process trains"), None]

    def create_and_run(job: dict[str, Any]) -> None:
        create(job)
        if error := raised.pop(0):
            monkeypatch.setattr(node, "run", Mock(side_effect=error))
            with pytest.raises(type(error)):
                node.main(*job["spec"]["trainer"]["args"])

    monkeypatch.setattr(cluster, "create", create_and_run)
    with pytest.raises(UserError, match="flow is not finite at step 7"):
        nodes.run(**step)
    assert cluster.jobs == {}
    cluster.courses[0].append("Failed")
    with pytest.raises(UserError, match="left no model, Failed"):  # after Kubernetes' own attempts
        nodes.run(**step)
    nodes.run(**step)
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"


def test_other_settings_are_another_job(cluster: Kubernetes, step: dict[str, Any]) -> None:
    cluster.courses = [["Complete"], ["Complete"]]
    nodes.run(**step)
    nodes.run(**{**step, "config": step["config"].model_copy(update={"seed": 8})})
    assert len({job["metadata"]["name"] for job in cluster.made}) == 2


@pytest.mark.parametrize("lingers", [0, 1])
def test_a_step_that_is_asked_to_stop_removes_its_job_and_the_next_makes_it_anew(
    cluster: Kubernetes, step: dict[str, Any], lingers: int
) -> None:
    cluster.courses = [["Running"], ["Running", "Complete"]]
    child = os.fork()
    if not child:
        try:
            nodes.run(**step)
        except Preempted:
            os._exit(PREEMPTED)
        finally:
            os._exit(1)
    wait_until(lambda: any(not job["course"] for job in cluster.jobs.values()))
    checkpoint = cache_of(cluster.made[0]) / "checkpoint"
    checkpoint.parent.mkdir()
    checkpoint.write_text("of the nodes")
    cluster.lingers = lingers
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == PREEMPTED
    assert all("deletionTimestamp" in job["metadata"] for job in cluster.jobs.values())
    assert len(cluster.jobs) == lingers
    assert checkpoint.read_text() == "of the nodes"
    nodes.run(**step)
    assert cache_of(cluster.made[1]) == checkpoint.parent
    assert (step["model"] / "adapter.safetensors").read_text() == "trained"
    assert (len(cluster.made), cluster.jobs, list(cluster.workspace.iterdir())) == (2, {}, [])


def cache_of(job: dict[str, Any]) -> Path:
    """Where the processes of a job keep unfinished work, without a volume for a cache."""
    (place,) = (one["value"] for one in job["spec"]["trainer"]["env"] if one["name"] == "WITHANYONE_CACHE")
    return Path(place)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_refusal_of_the_cluster_is_a_sentence(cluster: Kubernetes, step: dict[str, Any], status: int) -> None:
    cluster.refuse = status
    with pytest.raises(UserError, match=rf"the cluster refuses to make the TrainJob \({status} .*you may not"):
        nodes.run(**step)


def test_outside_a_cluster_it_says_so(step: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="needs a pod with a service account"):
        nodes.run(**step)
