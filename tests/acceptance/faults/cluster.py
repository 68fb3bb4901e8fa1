"""Faults of a run on a cluster, which `withanyone submit --name --fetch` starts, follows and brings home."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.steps import GATE, STEPS
from model.artefacts import folder_digest
from pipelines.runs import Runs
from tests.acceptance.faults.disturbed import DISTURBED, run_disturbed
from tests.pipelines.bucket import STORE
from tests.pipelines.decided import decided_run, put_in_store
from tests.pipelines.kubeflow import Kubeflow, kubeflow

Fault = tuple[str, Callable[[Path], None]]
PROGRAM = (
    DISTURBED
    + """
sys.argv = ["withanyone", "submit", "--host", what, "--name", "weekly", "--fetch", "--json"]
from pipelines.cli import main
from tests.pipelines.bucket import mount
mount(home)
main()
"""
)
PARTS = (*GATE.inputs, GATE.output)
KILLED = {
    "starting the run": ("kfp:Client.run_pipeline", ""),
    "the run is started": ("kfp:Client.run_pipeline", "after"),
    "following": ("pipelines.kubeflow:Server.follow", ""),
    "bringing the decision": ("pipelines.fetched:_get", ""),
    "the decision is there": ("pipelines.fetched:_get", "after"),
    "checking what came": ("pipelines.fetched:decided_on", ""),
    "noting the run": ("pipelines.fetched:write_json", ""),
    "pointing to it": ("pipelines.runs:Runs.arrived", ""),
}


@contextmanager
def cluster(home: Path) -> Iterator[Kubeflow]:
    """A server whose runs succeed at once and leave the artefacts of one decided run in the store."""
    made = decided_run(home / "there")
    (home / "cluster.yaml").write_text(f"artefacts: {STORE}\n")
    with kubeflow() as kfp:
        kfp.started = lambda name: put_in_store(made, home / "store", name)
        kfp.course = [{**{step.name: "SUCCEEDED" for step in STEPS}, "": "SUCCEEDED"}]
        yield kfp


def submit(home: Path, kfp: Kubeflow, point: str = "", when: str = "") -> "subprocess.CompletedProcess[str]":
    return run_disturbed(PROGRAM, home, kfp.host, point, when)


def whole(home: Path) -> bool:
    """Whether there is a run; whatever looks like one is whole."""
    found = Runs(home / "runs").records()
    for record in found:
        for part in PARTS:
            there, here = next((home / "there" / "runs").glob("2*")) / part, home / "runs" / record["id"] / part
            kept = {file.relative_to(here) for file in here.rglob("*") if file.is_file()} - {Path("sources.json")}
            assert kept == {file.relative_to(there) for file in there.rglob("*") if file.is_file()}
            assert part == GATE.output or folder_digest(here) == folder_digest(there)
    return bool(found)


def ends_well(home: Path, kfp: Kubeflow) -> None:
    """The plain command again: one run there, one here, the latest, and nothing beside it."""
    done = submit(home, kfp)
    assert done.returncode == 0, done.stderr
    assert len(kfp.runs) == 1
    assert whole(home)
    (record,) = Runs(home / "runs").records()
    assert record["latest"]
    assert sorted(path.name for path in (home / "runs").iterdir()) == [record["id"], "latest"]


def killed(point: str, when: str) -> Callable[[Path], None]:
    def fault(home: Path) -> None:
        with cluster(home) as kfp:
            assert submit(home, kfp, point, when).returncode == -9
            whole(home)
            ends_well(home, kfp)

    return fault


def full_disk(home: Path) -> None:
    with cluster(home) as kfp:
        done = submit(home, kfp, "pipelines.fetched:_get", "full")
        assert (done.returncode, "The disk is full" in done.stderr) == (3, True), done.stderr
        assert not whole(home)
        ends_well(home, kfp)


def lost_store(home: Path) -> None:
    with cluster(home) as kfp:
        start, kfp.started = kfp.started, lambda name: None
        assert submit(home, kfp).returncode == 3
        assert not whole(home)
        start(next(iter(kfp.runs)))
        ends_well(home, kfp)


def truncated(home: Path) -> None:
    with cluster(home) as kfp:
        start = kfp.started

        def damaged(name: str) -> None:
            start(name)
            (file,) = (home / "store").rglob("training.json")
            file.write_bytes(file.read_bytes()[:-3])

        kfp.started = damaged
        done = submit(home, kfp)
        assert (done.returncode, "is not the one that was decided on" in done.stderr) == (3, True), done.stderr
        assert not whole(home)
        start(next(iter(kfp.runs)))
        ends_well(home, kfp)


def silent_server(home: Path) -> None:
    with cluster(home) as kfp:
        kfp.refuse = [503, 502]
        ends_well(home, kfp)


def faults() -> Iterator[Fault]:
    for words, (point, when) in KILLED.items():
        yield f"cluster: kill -9 when {words}", killed(point, when)
    yield "cluster: full disk while bringing it home", full_disk
    yield "cluster: lost store", lost_store
    yield "cluster: truncated model in the store", truncated
    yield "cluster: the server does not answer for a while", silent_server
