"""A cluster's run brought home: whole, verified, once, and promoted like one that was made here."""

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.gate.component import gate
from components.gate.sources import SOURCES, note_sources
from components.steps import GATE
from model.artefacts import write_json
from model.errors import UserError
from pipelines.cluster import Cluster
from pipelines.fetched import fetch_run, read_decision
from pipelines.promotion import Approval, promote
from pipelines.registry import Registry
from pipelines.runs import Runs
from pipelines.settings import SettingsError
from tests.pipelines.bucket import STORE, mount, unmount
from tests.pipelines.decided import decided_run, put_in_store

RUN = "0f3c2a18-ffff"


def record(verdict: str = "promote", run: str = RUN) -> dict[str, Any]:
    times = {"started": "2026-11-28T03:00:00+00:00", "finished": "2026-11-28T04:00:00+00:00", "seconds": 3600.0}
    return {"run": run, "verdict": verdict, "link": f"http://kfp/#/runs/details/{run}", **times}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    mount(tmp_path)
    yield Cluster(artefacts=f"{STORE}/")
    unmount()


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return put_in_store(decided_run(tmp_path / "there"), tmp_path / "store", RUN)


def test_a_run_is_brought_home_once_and_promoted(cluster: Cluster, places: dict[str, Path], tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    folder = fetch_run(cluster, record(), runs)
    assert folder.name == "20261128-030000-0f3c2a18"
    shutil.rmtree(tmp_path / "store")
    assert fetch_run(cluster, record(), runs) == folder
    assert runs.find() == folder
    (listed,) = runs.records()
    assert (listed["status"], listed["verdict"], listed["latest"]) == ("done", "promote", True)
    done = promote(runs, folder.name, Registry(tmp_path / "registry"), Approval("ada"))
    assert (done["version"], done["run"], done["code"]["commit"]) == ("v1.0.0", folder.name, None)
    assert runs.champion() == folder


def test_a_rejected_run_brings_its_decision_alone(cluster: Cluster, places: dict[str, Path], tmp_path: Path) -> None:
    folder = fetch_run(cluster, record("reject"), Runs(tmp_path / "runs"))
    assert sorted(path.name for path in folder.iterdir()) == ["decision", "run.json"]
    assert not (tmp_path / "runs" / "latest").is_symlink()


def test_a_newer_run_stays_the_latest(cluster: Cluster, places: dict[str, Path], tmp_path: Path) -> None:
    runs = Runs(tmp_path / "there" / "runs")  # has one of this very moment
    fetch_run(cluster, {**record(), "started": "2020-01-01T00:00:00+00:00"}, runs)
    assert runs.find().name > "2026"


@pytest.mark.parametrize("name", ["model", "dataset"])
def test_what_is_not_what_was_decided_on_does_not_come_home(
    cluster: Cluster, places: dict[str, Path], tmp_path: Path, name: str
) -> None:
    changed = max((path for path in places[name].rglob("*") if path.is_file()), key=lambda path: path.suffix)
    whole = changed.read_bytes()
    changed.write_bytes(whole + b" ")
    with pytest.raises(UserError):
        fetch_run(cluster, record(), Runs(tmp_path / "runs"))
    assert Runs(tmp_path / "runs").records() == []
    changed.write_bytes(whole)
    fetch_run(cluster, record(), Runs(tmp_path / "runs"))


def test_a_decision_that_names_no_sources_is_refused(cluster: Cluster, places: dict[str, Path], tmp_path: Path) -> None:
    (places["decision"] / SOURCES).unlink()
    with pytest.raises(UserError, match=r"does not say where its inputs lie .*run again with the images"):
        fetch_run(cluster, record(), Runs(tmp_path / "runs"))


def test_a_full_disk_is_told_as_one(
    cluster: Cluster, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipelines.fetched._get", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_run(cluster, record(), Runs(tmp_path / "runs"))


@pytest.mark.parametrize("place", ["file:///etc", "s3://other/model", "s3://store/../../etc"])
def test_nothing_is_taken_from_outside_the_root(
    cluster: Cluster, places: dict[str, Path], tmp_path: Path, place: str
) -> None:
    file = places["decision"] / SOURCES
    write_json(file, {**json.loads(file.read_text()), "model": place})
    with pytest.raises(UserError, match=r"The model of the run 0f3c2a18-ffff lies at .*, not below s3://store/"):
        fetch_run(cluster, record(), Runs(tmp_path / "runs"))


def test_a_missing_decision_is_a_sentence(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(UserError, match="The run r1 has 0 decisions below s3://store/"):
        read_decision(cluster, "r1")
    with pytest.raises(SettingsError, match="has no artefacts"):
        read_decision(Cluster(), "r1")


def test_a_store_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        UserError, match=r"s3://b/x at http://127\.0\.0\.1:9 cannot be read \(Connection refused\): check"
    ):
        read_decision(Cluster(artefacts="s3://b/x", endpoint="http://127.0.0.1:9"), "r1")


def test_the_gate_says_where_its_inputs_lie_only_in_an_object_store(tmp_path: Path) -> None:
    def artefact(name: str, scheme: str) -> dsl.Artifact:
        made = dsl.Artifact(uri=f"{scheme}{tmp_path / name}")
        made.custom_path = str(tmp_path / name)
        return made

    for scheme in ("", "s3:/"):
        inputs = {name: artefact(name, scheme) for name in GATE.inputs}
        note_sources(artefact(GATE.output, scheme), **inputs)
        assert (tmp_path / "decision" / SOURCES).exists() is bool(scheme)
    told = json.loads((tmp_path / "decision" / SOURCES).read_text())
    assert told == {name: f"s3:/{tmp_path / name}" for name in GATE.inputs}


def test_the_gates_component_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing evidence is a decision too, so the real step runs in a moment."""
    artefacts = {}
    for name in (*GATE.inputs, GATE.output):
        artefacts[name] = dsl.Artifact(uri=f"s3://bucket/{name}")
        artefacts[name].custom_path = str(tmp_path / name)
    gate.python_func(**artefacts, config=GATE.settings()().model_dump_json(), version="1")
    assert json.loads((tmp_path / "decision" / SOURCES).read_text())["model"] == "s3://bucket/model"
    assert json.loads((tmp_path / "decision" / "decision.json").read_text())["verdict"] == "reject"
