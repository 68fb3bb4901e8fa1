"""Airflow for real: PostgreSQL and all servers; a run killed on the way, rejected once, approved once, deployed."""

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dags.command import job_folder
from dags.servers import Servers
from pipelines.registry import STORE, Registry
from pipelines.runs import Runs
from pipelines.server import Server
from pipelines.sources import ROOT
from tests.acceptance.airflow_api import Api, wait

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3600)]
PARAMS: dict[str, dict[str, Any]] = {
    "photos": {"people": 6, "photos": 5, "scenes": 16, "strangers": 1, "places": 2, "likeness": 0.3},
    "train": {"effort": 0.01, "batch": 4},
    "evaluate": {"cases": 2, "seeds": [1], "steps": 4},
    "gate": {"minimum_cases": 1, "gain": 0.0, "copy_paste_ceiling": 1.0, "coverage_floor": 0.0},
}
WHY = "so few people prove nothing, and this is a test"
COMMAND = '#!/bin/sh\nPYTHONPATH={root} exec nice -n 10 {python} -m pipelines.cli "$@"\n'


@dataclass(frozen=True)
class Place:
    home: Path
    servers: Servers
    api: Api
    port: int

    @property
    def registry(self) -> Registry:
        return Registry(self.home / "registry")

    def job(self, run: str) -> Path:
        return self.home / "runs" / ".jobs" / job_folder("retrain", run, "run").name

    def kill(self, server: str) -> None:
        """End a server and its workers as a power cut would, and start it again."""
        process = self.servers.processes[server]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert self.servers.mend() == [server]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All servers, on a project folder with a cast of people who do not look alike, too small for more than `hold`."""
    if not shutil.which("psql"):
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    home = tmp_path_factory.mktemp("project")
    (home / "params.yaml").write_text(json.dumps(PARAMS))
    command = home / "withanyone"
    command.write_text(COMMAND.format(root=ROOT, python=sys.executable))
    command.chmod(0o755)
    port, serving = free_ports()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WITHANYONE_COMMAND", str(command))
        patch.setenv("WITHANYONE_PORT", str(serving))
        patch.setenv("OMP_NUM_THREADS", "1")
        quick = {"SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60", "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30"}
        servers = Servers(home / "airflow", home, port, quick)
        try:
            servers.start()
            dags = {"retrain", "promote"}
            api = Api(servers)
            wait(lambda: dags <= {dag["dag_id"] for dag in api.get("/dags")["dags"]} or None, 120)
            yield Place(home, servers, api, serving)
        finally:
            servers.stop()
            shutil.rmtree(servers.cluster.folder, ignore_errors=True)
            Server((home / "deployment").resolve(), serving).stop()


def free_ports() -> tuple[int, int]:
    """Two free ports."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def test_everything_listens_on_the_loopback_alone(place: Place) -> None:
    servers = [psutil.Process(process.pid) for process in place.servers.processes.values()]
    ours = [one for server in servers for one in (server, *server.children(recursive=True))]
    found = {end.laddr.ip for one in ours for end in one.net_connections("tcp") if end.status == "LISTEN"}
    assert found == {"127.0.0.1"}


def test_a_run_whose_scheduler_and_worker_are_killed_finishes_once(place: Place) -> None:
    place.api.trigger("retrain", "first")
    log = place.job("first") / "log"
    wait(lambda: (log.exists() and "\ntrain " in log.read_text()) or None, 900)
    place.kill("scheduler")
    for group in working_groups(place.job("first")):
        os.killpg(group, signal.SIGKILL)
    asked = place.api.asked("first", 1200)
    done = [record for record in Runs(place.home / "runs").records() if record["status"] == "done"]
    assert len(done) == 1
    assert done[0]["steps"]["curate"]["status"] == "cached"
    assert asked["subject"] == f"Promote the run {done[0]['id']}?"
    assert "**hold**" in asked["body"]
    report = f"{place.servers.url}/reports/{done[0]['id']}/decision/report.html"
    assert f"({report})" in asked["body"]
    assert place.api.page(report) == (place.home / "runs" / done[0]["id"] / "decision" / "report.html").read_text()
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        httpx.get(report, trust_env=False).raise_for_status()


def test_a_rejection_changes_nothing(place: Place) -> None:
    place.api.answer("first", "Reject")
    assert place.api.ended("retrain", "first", 120) == "success"
    tasks = place.api.tasks("retrain", "first")
    assert (tasks["hand_over"], tasks["promote"]) == ("skipped", "skipped")
    assert place.api.get("/dags/promote/dagRuns")["dag_runs"] == []
    assert not place.registry.exists
    assert Runs(place.home / "runs").champion() is None


def test_an_approval_ends_in_a_tag_pushed_data_and_a_running_bento(place: Place) -> None:
    place.api.trigger("retrain", "second")
    place.api.asked("second", 300)
    place.kill("scheduler")
    place.api.answer("second", "Approve", reason=WHY)
    assert place.api.ended("retrain", "second", 600) == "success"
    assert list(place.registry.versions()) == ["v1.0.0"]
    record = place.registry.find("v1")
    assert (record["approval"]["by"], record["approval"]["override"]) == ("reviewer", WHY)
    pushed = {file.name for file in (place.home / STORE).rglob("*") if file.is_file()}
    cached = {file.name for file in (place.registry.root / ".dvc" / "cache" / "files").rglob("*") if file.is_file()}
    assert cached
    assert cached <= pushed
    served = httpx.post(f"http://127.0.0.1:{place.port}/model", json={}, trust_env=False).raise_for_status().json()
    assert served["lineage"]["model"] == record["model"]


def test_the_same_run_is_not_promoted_twice(place: Place) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        place.api.trigger("retrain", "second")
    record = place.registry.find("v1")
    place.api.trigger("promote", "again", run=record["run"], approved_by="somebody")
    assert place.api.ended("promote", "again", 300) == "success"
    assert list(place.registry.versions()) == ["v1.0.0"]
    assert len(place.registry.history()) == 1


def working_groups(job: Path) -> set[int]:
    """Process groups whose supervisor works on the job."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(job).encode() in (entry / "cmdline").read_bytes():
                found.add(os.getpgid(int(entry.name)))
        except OSError:
            continue
    assert found
    return found
