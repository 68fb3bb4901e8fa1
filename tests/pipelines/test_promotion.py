"""Promotion: once, with its decision and an approval, pushed before it is tagged; and back again."""

import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.promotion import Approval, promote, put_back
from pipelines.registry import STORE, Registry, git
from pipelines.runs import Runs
from tests.pipelines.decided import decided_run

ADA = Approval("ada")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def tags(registry: Registry) -> list[str]:
    return git(registry.root, "tag", "--list").splitlines()


def test_a_promotion_is_a_tag_with_pushed_data_and_the_new_champion(runs: Runs, registry: Registry) -> None:
    run = decided_run(runs.folder.parent)
    done = promote(runs, "latest", registry, ADA)
    assert (done["version"], done["new"]) == ("v1.0.0", True)
    assert tags(registry) == ["withanyone#production#1", "withanyone@v1.0.0"]
    assert runs.find("champion") == run.resolve()
    stored = [file for file in (registry.root.parent / STORE).rglob("*") if file.is_file()]
    data = [file for part in ("model", "dataset", "scores", "decision") for file in (run / part).rglob("*")]
    assert len(stored) >= len({file.read_bytes() for file in data if file.is_file()})
    record = registry.find("v1")
    assert record["approval"]["by"] == "ada"
    assert record["photos"]["count"] == 5
    assert record["code"]["commit"] == "c0ffee"


def test_nothing_is_promoted_twice(runs: Runs, registry: Registry) -> None:
    decided_run(runs.folder.parent)
    promote(runs, "latest", registry, ADA)
    before = (tags(registry), git(registry.root, "rev-parse", "HEAD"))
    assert promote(runs, "latest", registry, Approval("bo"))["new"] is False
    assert (tags(registry), git(registry.root, "rev-parse", "HEAD")) == before


@pytest.mark.parametrize(
    ("approval", "verdict", "words"),
    [
        (ADA, "hold", "only 'promote' is promoted"),
        (ADA, "reject", "only 'promote' is promoted"),
        (Approval("ada", decision="0" * 64), "promote", "of another decision"),
        (Approval("ada", at=(datetime.now(UTC) - timedelta(days=8)).isoformat()), "promote", "expires after 7 days"),
        (Approval("ada", at="yesterday"), "promote", "is no moment"),
    ],
)
def test_what_may_not_be_promoted_changes_nothing(
    runs: Runs, registry: Registry, approval: Approval, verdict: str, words: str
) -> None:
    decided_run(runs.folder.parent, verdict=verdict)
    with pytest.raises(UserError, match=words):
        promote(runs, "latest", registry, approval)
    assert not registry.root.exists()
    assert runs.champion() is None


def test_an_override_is_recorded(runs: Runs, registry: Registry) -> None:
    decided_run(runs.folder.parent, verdict="hold")
    promote(runs, "latest", registry, Approval("ada", override="the judges saw it"))
    assert registry.find("v1")["approval"]["override"] == "the judges saw it"


@pytest.mark.parametrize("part", ["dataset/images.parquet", "model/training.json", "scores/scores.json"])
def test_a_truncated_artefact_is_not_promoted(runs: Runs, registry: Registry, part: str) -> None:
    run = decided_run(runs.folder.parent)
    content = (run / part).read_bytes()
    (run / part).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="is not the one that was decided on"):
        promote(runs, "latest", registry, ADA)


def test_a_truncated_shard_is_not_promoted(runs: Runs, registry: Registry) -> None:
    run = decided_run(runs.folder.parent)
    shard = next((run / "dataset").glob("references/*.tar"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(UserError, match="missing or not what its manifest names"):
        promote(runs, "latest", registry, ADA)


def test_a_run_that_came_to_no_decision_is_named_with_the_way_to_another(runs: Runs, registry: Registry) -> None:
    run = runs.begin({})
    with pytest.raises(UserError, match=f"The run {run.name} came to no decision: .*`withanyone runs` lists them"):
        promote(runs, "latest", registry, ADA)
    assert not registry.root.exists()


def test_a_decision_against_another_champion_is_stale(runs: Runs, registry: Registry) -> None:
    decided_run(runs.folder.parent, seed=1)
    first = promote(runs, "latest", registry, ADA)
    decided_run(runs.folder.parent, seed=2, champion=None)
    with pytest.raises(UserError, match="does not compare with the present champion"):
        promote(runs, "latest", registry, ADA)
    decided_run(runs.folder.parent, seed=3, champion=first["model"])
    assert promote(runs, "latest", registry, ADA)["version"] == "v2.0.0"


def test_a_lost_remote_promotes_nothing_and_the_next_attempt_goes_through(runs: Runs, registry: Registry) -> None:
    decided_run(runs.folder.parent)
    store = registry.root.parent / STORE
    store.write_text("no folder")
    with pytest.raises(UserError, match="nothing was promoted"):
        promote(runs, "latest", registry, ADA)
    assert tags(registry) == []
    store.unlink()
    assert promote(runs, "latest", registry, ADA)["version"] == "v1.0.0"


def test_going_back_restores_champion_and_a_run_that_is_gone(runs: Runs, registry: Registry) -> None:
    first = decided_run(runs.folder.parent, seed=1)
    model = promote(runs, "latest", registry, ADA)["model"]
    second = decided_run(runs.folder.parent, seed=2, champion=model)
    promote(runs, "latest", registry, ADA)
    assert runs.find("champion") == second.resolve()
    shutil.rmtree(first)
    put_back(runs, registry, registry.previous(), "worse")
    assert runs.find("champion").name == first.name
    assert read_json(runs.find("champion") / "scores" / "scores.json")["model"]["digest"] == model
    assert registry.production() == "v1.0.0"
    assert [turn["why"] for turn in registry.history()][-1] == "worse"
    again = promote(runs, second.name, registry, ADA)
    assert (again["new"], registry.production()) == (False, "v1.0.0")
    with pytest.raises(UserError, match="no champion before"):
        registry.previous()


def test_a_home_of_any_name_may_be_moved_with_its_versions(tmp_path: Path) -> None:
    here, there = tmp_path / "Häuser und Höfe", tmp_path / "elsewhere" / "Höhle"
    first = decided_run(here, seed=1)
    model = promote(Runs(here / "runs"), "latest", Registry(here / "registry"), ADA)["model"]
    there.parent.mkdir()
    here.rename(there)
    runs, registry = Runs(there / "runs"), Registry(there / "registry")
    decided_run(there, seed=2, champion=model)
    promote(runs, "latest", registry, ADA)
    assert not here.exists()
    shutil.rmtree(there / "runs" / first.name)
    shutil.rmtree(registry.root / ".dvc" / "cache")
    put_back(runs, registry, registry.previous(), "worse")
    assert read_json(runs.find("champion") / "scores" / "scores.json")["model"]["digest"] == model


def test_a_repository_of_other_work_is_never_taken_for_the_registry(runs: Runs, tmp_path: Path) -> None:
    """A promotion would reset it and replace its model/: a clone of this project has both."""
    decided_run(runs.folder.parent)
    clone, folder = Registry(tmp_path / "clone"), Registry(tmp_path / "folder")
    clone.create()
    git(clone.root, "commit", "--quiet", "--amend", "-m", "Begin something else")
    for registry in (clone, folder):
        (registry.root / "model").mkdir(parents=True)
        (registry.root / "model" / "work.py").write_text("mine")
        with pytest.raises(UserError, match="is no registry"):
            promote(runs, "latest", registry, ADA)
        assert (registry.root / "model" / "work.py").read_text() == "mine"


def test_a_broken_lock_of_dvc_stands_in_nobodys_way(runs: Runs, registry: Registry) -> None:
    registry.create()
    (registry.root / ".dvc" / "tmp").mkdir(exist_ok=True)
    (registry.root / ".dvc" / "tmp" / "rwlock").write_text("{brok")
    decided_run(runs.folder.parent)
    assert promote(runs, "latest", registry, ADA)["new"]


def test_a_second_process_waits_outside(runs: Runs, registry: Registry) -> None:
    decided_run(runs.folder.parent)
    with registry.only_user(), pytest.raises(UserError, match="Another process is changing the registry"):
        promote(runs, "latest", registry, ADA)


def test_a_run_without_a_readable_decision_is_refused(runs: Runs, registry: Registry) -> None:
    run = decided_run(runs.folder.parent)
    (run / "decision" / "decision.json").write_text("{")
    with pytest.raises(UserError, match=r"decision\.json is no readable JSON"):
        promote(runs, "latest", registry, ADA)
    write_json(run / "decision" / "decision.json", {"inputs": {}})
    with pytest.raises(UserError, match="run again"):
        promote(runs, "latest", registry, ADA)


def test_a_store_that_does_not_answer_is_named_and_nothing_is_promoted(
    runs: Runs, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    decided_run(runs.folder.parent)
    registry.create()
    with socket.socket() as closed, registry.opened() as repo, repo.config.edit() as config:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        config["remote"]["store"].update(url="s3://bucket/data", endpointurl=url)
    with pytest.raises(UserError, match=rf"could not push to {url}, .* \(Connection refused\): mend the remote"):
        promote(runs, "latest", registry, ADA)
    assert tags(registry) == []
    shutil.rmtree(registry.root / ".dvc" / "cache")
    git(registry.root, "tag", "withanyone@v1.0.0")
    with pytest.raises(UserError, match=rf"nor does its remote {url} give it \(Connection refused\)"):
        registry.fetch("v1.0.0", "model", tmp_path / "back")


def test_a_store_that_was_chosen_with_dvc_alone_is_the_one_that_is_pushed_to(runs: Runs, registry: Registry) -> None:
    """As the front page says: `dvc remote modify store url`, without a commit."""
    decided_run(runs.folder.parent, seed=1)
    model = promote(runs, "latest", registry, ADA)["model"]
    chosen = registry.root.parent / "chosen"
    with registry.opened() as repo, repo.config.edit() as config:
        config["remote"]["store"]["url"] = str(chosen)
    decided_run(runs.folder.parent, seed=2, champion=model)
    (registry.root / "version.json").write_text("half")
    (registry.root / "scores.dvc").write_text("half")
    git(registry.root, "add", "--all")
    assert promote(runs, "latest", registry, ADA)["version"] == "v2.0.0"
    assert any(chosen.rglob("*.dir"))
    assert git(registry.root, "status", "--porcelain") == ""
