"""Faults of a promotion and of the way back, on runs with a decision that are made in a moment."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from model.artefacts import read_json
from model.errors import UserError
from pipelines.promotion import Approval, promote, put_back
from pipelines.registry import STORE, Registry, git
from pipelines.runs import Runs
from tests.acceptance.faults.disturbed import DISTURBED, run_disturbed
from tests.pipelines.decided import decided_run

Fault = tuple[str, Callable[[Path], None]]
PROGRAM = (
    DISTURBED
    + """
from pipelines.promotion import Approval, promote, put_back
from pipelines.registry import Registry
from pipelines.runs import Runs
runs, registry = Runs(home / "runs"), Registry(home / "registry")
if what == "back":
    put_back(runs, registry, "v1", "back")
else:
    promote(runs, "latest", registry, Approval("ada"))
"""
)
KILLED = {
    "reading the run": "pipelines.promotion:version_record",
    "making the registry": "pipelines.registry:Registry.commit",
    "holding the data": "pipelines.registry:Registry.hold",
    "linking the data": "pipelines.registry:link_tree",
    "adding to DVC": "dvc.repo:Repo.add",
    "pushing": "dvc.repo:Repo.push",
    "tagging the version": "pipelines.registry:Registry.register",
    "crowning": "pipelines.runs:Runs.crown",
    "putting into production": "pipelines.registry:Registry.put_in_production",
}


def start(home: Path, what: str = "promote", point: str = "", when: str = "") -> "subprocess.CompletedProcess[str]":
    return run_disturbed(PROGRAM, home, what, point, when)


def again(home: Path, approval: Approval | None = None) -> dict[str, Any]:
    """The plain promotion."""
    return promote(Runs(home / "runs"), "latest", Registry(home / "registry"), approval or Approval("ada"))


def state(home: Path) -> dict[str, Any]:
    """All that a promotion changes, less moments and the run's id."""
    registry = Registry(home / "registry")
    versions = registry.versions()
    assert git(registry.root, "status", "--porcelain") == ""
    git(registry.root, "fsck", "--strict")
    names = ("model", "dataset", "scores", "validation", "verdict")
    return {
        "versions": {name: [record[part] for part in names] for name, record in versions.items()},
        "approved": [record["approval"]["by"] for record in versions.values()],
        "history": [turn["version"] for turn in registry.history()],
        "champion": read_json(home / "runs" / "champion" / "scores" / "scores.json")["model"],
        "stored": len({file.name for file in (home / STORE / "files").rglob("*") if file.is_file()}),
    }


def undisturbed(home: Path) -> dict[str, Any]:
    decided_run(home)
    again(home)
    return state(home)


def killed(point: str, when: str) -> Callable[[Path], None]:
    def fault(home: Path) -> None:
        decided_run(home)
        assert start(home, point=point, when=when).returncode == -9
        assert_nothing_without_decision(home)
        again(home)

    return fault


def assert_nothing_without_decision(home: Path) -> None:
    """Whatever is tagged has its decision, its approval and its data in the remote."""
    registry = Registry(home / "registry")
    for name, record in registry.versions().items():
        assert record["verdict"] == "promote"
        assert record["approval"]["by"] == "ada"
        shutil.move(registry.root / ".dvc" / "cache", home / "hidden")
        registry.fetch(name, "model", home / "fetched")
        shutil.rmtree(registry.root / ".dvc" / "cache", ignore_errors=True)
        shutil.move(home / "hidden", registry.root / ".dvc" / "cache")


def refused(disturb: Callable[[Path, Path], Approval | None], words: str) -> Callable[[Path], None]:
    """A promotion that must be refused with nothing tagged; afterwards the run is made and approved as it should be."""

    def fault(home: Path) -> None:
        approval = disturb(home, decided_run(home))
        try:
            again(home, approval)
        except UserError as error:
            assert words in str(error), error  # noqa: PT017  (no pytest in a program)
        else:
            raise AssertionError("it was promoted")
        assert not Registry(home / "registry").versions()
        (home / STORE).unlink() if (home / STORE).is_file() else None
        decided_run(home)
        again(home)

    return fault


def truncate(part: str) -> Callable[[Path, Path], None]:
    def disturb(_: Path, run: Path) -> None:
        file = next(iter(sorted(run.glob(part))))
        content = file.read_bytes()
        file.unlink()  # the file is a link into the store
        file.write_bytes(content[: len(content) // 2])

    return disturb


def held(home: Path, run: Path) -> None:
    shutil.rmtree(run)
    decided_run(home, verdict="hold")


def expired(_: Path, __: Path) -> Approval:
    return Approval("ada", at=(datetime.now(UTC) - timedelta(days=30)).isoformat())


def of_another(_: Path, __: Path) -> Approval:
    return Approval("ada", decision="f" * 64)


def remote_refuses(home: Path, _: Path) -> None:
    (home / STORE).write_text("no folder")


def stale(home: Path) -> None:
    """A run decided before another one became the champion."""
    decided_run(home)
    again(home)
    decided_run(home, seed=2, champion=None)
    try:
        again(home)
    except UserError:
        return
    raise AssertionError("a stale decision was promoted")


def lost_remote(home: Path) -> None:
    decided_run(home)
    again(home)
    shutil.rmtree(home / STORE)
    again(home)


def refused_connection(home: Path) -> None:
    decided_run(home)
    registry = Registry(home / "registry")
    registry.create()
    config = registry.root / ".dvc" / "config.local"
    config.write_text("['remote \"store\"']\n    url = http://127.0.0.1:9/store\n")
    try:
        again(home)
    except UserError as error:
        assert "nothing was promoted" in str(error)  # noqa: PT017
    assert not registry.versions()
    config.unlink()
    again(home)


def broken(*names: str, content: str = "{brok") -> Callable[[Path], None]:
    """A file of git or DVC that a kill or a full disk left in pieces."""

    def fault(home: Path) -> None:
        decided_run(home)
        registry = Registry(home / "registry")
        registry.create()
        for name in names:
            (registry.root / name).parent.mkdir(parents=True, exist_ok=True)
            (registry.root / name).write_text(content)
        again(home)

    return fault


def at_once(home: Path) -> None:
    decided_run(home)
    with ThreadPoolExecutor(3) as pool:
        ends = [done.returncode for done in pool.map(lambda _: start(home), range(3))]
    assert 0 in ends
    again(home)


def thrice(home: Path) -> None:
    decided_run(home)
    for _ in range(3):
        again(home)


def clock_ahead(home: Path) -> None:
    decided_run(home)
    assert start(home, when="late").returncode == 0
    again(home)


def full_disk(home: Path) -> None:
    decided_run(home)
    assert start(home, point="dvc.repo:Repo.push", when="full").returncode
    assert not Registry(home / "registry").versions()
    again(home)


def way_back(disturb: Callable[[Path], None]) -> Callable[[Path], None]:
    """Two versions, then back to the first, disturbed; ends as the first version alone would, but for the second."""

    def fault(home: Path) -> None:
        first = decided_run(home)
        model = again(home)["model"]
        decided_run(home, seed=2, champion=model)
        again(home)
        shutil.rmtree(first) if disturb is run_gone else disturb(home)
        put_back(Runs(home / "runs"), Registry(home / "registry"), "v1", "back")
        registry = Registry(home / "registry")
        assert [turn["version"] for turn in registry.history()] == ["v1.0.0", "v2.0.0", "v1.0.0"]
        assert read_json(home / "runs" / "champion" / "scores" / "scores.json")["model"]["digest"] == model

    return fault


def run_gone(_: Path) -> None:
    """The first run's folder is gone."""


def cache_gone(home: Path) -> None:
    shutil.rmtree(home / "registry" / ".dvc" / "cache")


def faults() -> Iterator[Fault]:
    """Those that must end like an undisturbed promotion."""
    for name, point in KILLED.items():
        yield f"promote: kill -9 when {name}", killed(point, "before")
    for name in ("pushing", "tagging the version", "crowning"):
        yield f"promote: kill -9 after {name}", killed(KILLED[name], "after")
    for part in ("model/training.json", "dataset/images.parquet", "dataset/references/*.tar", "decision/*.json"):
        words = "no readable JSON" if "decision" in part else "run again"
        yield f"promote: truncated {part}", refused(truncate(part), words)
    yield "promote: verdict hold", refused(held, "only 'promote' is promoted")
    yield "promote: expired approval", refused(expired, "expires after")
    yield "promote: approval of another decision", refused(of_another, "another decision")
    yield "promote: remote that takes nothing", refused(remote_refuses, "nothing was promoted")
    yield "promote: refused connection", refused_connection
    yield "promote: lost remote", lost_remote
    yield "promote: full disk while pushing", full_disk
    yield "promote: corrupt lock of DVC", broken(".dvc/tmp/rwlock")
    yield "promote: lock that a killed git left", broken(".git/index.lock")
    yield "promote: half a record and pointer left", broken("version.json", "model.dvc")
    yield "promote: three at once", at_once
    yield "promote: triggered three times", thrice
    yield "promote: clock jumps nine years ahead", clock_ahead


def faults_of_two() -> Iterator[Fault]:
    """Those with checks of their own."""
    yield "promote: stale decision", stale
    for name in ("crowning", "putting into production"):
        point = KILLED[name]
        yield f"rollback: kill -9 when {name}", way_back(lambda home, point=point: _killed_back(home, point))  # type: ignore[misc]
    yield "rollback: the run's folder is gone", way_back(run_gone)
    yield "rollback: cache lost, folder kept", way_back(cache_gone)


def _killed_back(home: Path, point: str) -> None:
    assert start(home, "back", point, "before").returncode == -9


def as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, sort_keys=True)
