"""Runs of the same inputs at the same time share one TrainJob: each gets its model, and the last one tidies up."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from components.training import nodes
from components.training.config import NodesConfig
from components.training.trainjob import Job
from model.artefacts import new_folder
from model.errors import UserError

JOB = Job(
    image="train",
    nodes=2,
    processes=1,
    runtime="torch-distributed",
    workspace="shared",
    seconds=60,
    cpu="1",
    memory="1Gi",
    gpu=0,
    accelerator="nvidia.com/gpu",
)


class Jobs:
    """The TrainJobs of a namespace, for all runs of a test; a job is `state` at each look, and trains once complete."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.state = "Running"
        self.made = 0
        self.training = threading.Lock()

    def get(self, name: str) -> dict[str, Any] | None:
        job = self.jobs.get(name)
        if job is None:
            return None
        state = job.get("state", self.state)
        if state == "Complete":
            model = Path(job["spec"]["trainer"]["args"][2])
            with self.training:
                if not model.exists():
                    with new_folder(model) as draft:
                        (draft / "adapter").write_text("trained")
        return {**job, "status": {"conditions": [{"type": state, "status": "True"}]}}

    def create(self, job: dict[str, Any]) -> None:
        self.made += 1
        self.jobs[job["metadata"]["name"]] = job

    def delete(self, name: str) -> None:
        self.jobs.pop(name, None)


class Stopping(Jobs):
    """The same jobs as one run sees them, with something that happens first when it asks for one or removes one."""

    def __init__(self, jobs: Jobs, get: Callable[[], object] = bool, delete: Callable[[], object] = bool) -> None:
        self.of, self.before_get, self.before_delete = jobs, get, delete

    def get(self, name: str) -> dict[str, Any] | None:
        self.before_get()
        return self.of.get(name)

    def create(self, job: dict[str, Any]) -> None:
        self.of.create(job)

    def delete(self, name: str) -> None:
        self.before_delete()
        self.of.delete(name)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two inputs and the volume that the runs share."""
    for name in ("dataset", "validation", "workspace"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "workspace" / "file").unlink()
    monkeypatch.setattr(nodes, "SECONDS", 0.01)
    return tmp_path


def train(jobs: nodes.Jobs, place: Path, model: str) -> None:
    inputs = {name: place / name for name in ("dataset", "validation")}
    nodes.train_on(jobs, place / "workspace", **inputs, model=place / model, config=NodesConfig(job=JOB))


def test_a_run_that_looks_after_the_other_has_ended_gets_the_same_model(place: Path) -> None:
    jobs, waits, other_ended = Jobs(), threading.Event(), threading.Event()
    looks = 0

    def look_late() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:  # once to see whether there is a job, once to see that it is not yet at its end
            waits.set()
            assert other_ended.wait(30)

    with ThreadPoolExecutor() as runs:
        late = runs.submit(train, Stopping(jobs, look_late), place, "second")
        try:
            assert waits.wait(30)
            jobs.state = "Complete"
            train(jobs, place, "first")
        finally:
            other_ended.set()
        late.result(30)
    assert [(place / name / "adapter").read_text() for name in ("first", "second")] == ["trained"] * 2
    assert (jobs.made, jobs.jobs, list((place / "workspace").iterdir())) == (1, {}, [])


def test_a_job_that_cannot_be_removed_costs_nobody_the_model_and_is_found_by_the_next_run(place: Path) -> None:
    def refuse() -> None:
        raise UserError("the cluster refuses to remove the TrainJob (403 Forbidden)")

    jobs = Jobs()
    jobs.state = "Complete"
    train(Stopping(jobs, delete=refuse), place, "first")
    train(jobs, place, "second")
    assert [(place / name / "adapter").read_text() for name in ("first", "second")] == ["trained"] * 2
    assert (jobs.made, jobs.jobs, list((place / "workspace").iterdir())) == (1, {}, [])


def test_two_runs_that_find_a_failed_job_make_one_anew(place: Path) -> None:
    jobs, looked = Jobs(), threading.Event()
    jobs.state = "Failed"
    with pytest.raises(UserError, match="left no model"):
        train(jobs, place, "first")
    (failed,) = jobs.jobs.values()
    failed["state"] = "Failed"
    jobs.state = "Complete"
    others: list[Future[None]] = []
    with ThreadPoolExecutor() as runs:

        def let_another_look() -> None:
            if not others:
                others.append(runs.submit(train, Stopping(jobs, looked.set), place, "second"))
                looked.wait(0.5)

        train(Stopping(jobs, delete=let_another_look), place, "first")
        others[0].result(30)
    assert [(place / name / "adapter").read_text() for name in ("first", "second")] == ["trained"] * 2
    assert (jobs.jobs, list((place / "workspace").iterdir())) == ({}, [])
