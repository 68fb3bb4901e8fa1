"""The runs folder: records, links, champion, interrupted runs."""

import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from unittest.mock import Mock

import pytest

from model.artefacts import kept_folder, read_json, write_json
from model.errors import BusyError, UserError
from model.locks import only_user
from pipelines.runs import Runs
from pipelines.store import link_tree


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def finished(runs: Runs, artefacts: dict[str, Path] | None = None) -> Path:
    run = runs.begin({"settings": {}})
    runs.finish(run, artefacts or {}, {"status": "done"})
    return run


def test_a_run_shows_its_artefacts_as_links_into_the_store(runs: Runs, tmp_path: Path) -> None:
    made = tmp_path / "store" / "dataset"
    (made / "images").mkdir(parents=True)
    (made / "images" / "part-00000.tar").write_bytes(b"x" * 10)
    run = finished(runs, {"dataset": made})
    shown = run / "dataset" / "images" / "part-00000.tar"
    assert shown.samefile(made / "images" / "part-00000.tar")
    assert runs.find() == run.resolve()
    assert read_json(run / "run.json")["status"] == "done"


def test_a_run_that_is_killed_while_it_shows_its_artefacts_shows_none_by_half(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = tmp_path / "store" / "scores"
    for name in ("cases.parquet", "faces.parquet", "scores.json"):
        write_json(scores / name, {})
    run, link, linked = runs.begin({}), os.link, list[str]()

    def killed(source: str, target: str, **rest: bool) -> None:
        if linked:
            raise KeyboardInterrupt
        linked.append(target)
        link(source, target, **rest)

    monkeypatch.setattr(os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.finish(run, {"scores": scores}, {"status": "done"})
    assert linked
    assert not (run / "scores").exists()


def test_where_no_hard_link_can_be_made_a_copy_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("content")
    link_tree(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "file").read_text() == "content"
    assert not (tmp_path / "a" / "file").samefile(tmp_path / "b" / "file")


def test_two_runs_of_one_second_have_two_folders_and_the_later_is_latest(runs: Runs) -> None:
    names = [finished(runs).name for _ in range(3)]
    assert len(set(names)) == 3
    assert runs.find().name == names[-1]
    assert [record["id"] for record in runs.records()] == sorted(names)


def test_a_run_that_was_killed_is_listed_as_interrupted(runs: Runs) -> None:
    runs.begin({})
    assert [record["status"] for record in runs.records()] == ["interrupted"]
    with runs.store.only_user():
        assert [record["status"] for record in runs.records()] == ["running"]


def test_a_second_run_at_the_same_time_is_refused(runs: Runs) -> None:
    with (
        runs.store.only_user(),
        pytest.raises(UserError, match="Another process is changing the runs"),
        runs.store.only_user(),
    ):
        pass


def test_the_champion_is_a_run_with_scores(runs: Runs, tmp_path: Path) -> None:
    assert runs.champion() is None
    bare = finished(runs)
    with pytest.raises(UserError, match="has no scores"):
        runs.crown(bare.name)
    write_json(tmp_path / "scores" / "scores.json", {})
    scored = finished(runs, {"scores": tmp_path / "scores"})
    runs.crown("latest")
    finished(runs)
    assert runs.champion() == scored.resolve()
    assert [record["id"] for record in runs.records() if record["champion"]] == [scored.name]


def test_a_champion_whose_folder_was_deleted_is_told_with_what_helps(runs: Runs, tmp_path: Path) -> None:
    write_json(tmp_path / "scores" / "scores.json", {})
    scored = finished(runs, {"scores": tmp_path / "scores"})
    runs.crown(scored.name)
    shutil.rmtree(scored)
    for ask in (runs.champion, lambda: runs.find("champion")):
        with pytest.raises(UserError, match=rf"champion {scored.name} .* is gone: .*`withanyone runs champion RUN`"):
            ask()


def test_a_run_that_is_being_fetched_is_none_yet(runs: Runs) -> None:
    run = finished(runs)
    with kept_folder(runs.folder / "20260101-000000-abc") as draft:
        write_json(draft / "run.json", {"id": "20260101-000000-abc", "status": "done"})
        assert [record["id"] for record in runs.records()] == [run.name]
    assert len(runs.records()) == 2


def test_a_run_of_another_folder_is_none_of_these(runs: Runs, tmp_path: Path) -> None:
    write_json(tmp_path / "scores" / "scores.json", {})
    elsewhere = finished(Runs(tmp_path / "elsewhere"), {"scores": tmp_path / "scores"})
    finished(runs)
    with pytest.raises(UserError, match="There is no run"):
        runs.crown(str(elsewhere))
    assert runs.champion() is None


def test_an_unknown_run_is_refused_by_name(runs: Runs) -> None:
    with pytest.raises(UserError, match="no run yet"):
        runs.find()
    finished(runs)
    with pytest.raises(UserError, match="There is no run 'nobody'"):
        runs.find("nobody")


ARTEFACT = {"__kfp_artifact__": True, "schema_title": "system.Artifact", "schema_version": "0.0.1", "metadata": {}}


def made(runs: Runs, step: str, hours_ago: float) -> Path:
    """What a step made so long ago, in the store and its cache."""
    output = runs.store.artefacts / "execution" / step / "output"
    write_json(output / "scores.json", {"step": step})
    runs.store.seal(output, {"paths": {}})
    entry = runs.store.cache / f"{step}.json"
    write_json(entry, {"output": ARTEFACT | {"name": "output", "uri": str(output)}})
    os.utime(entry, (time.time() - 3600 * hours_ago,) * 2)
    return output


def run_of(
    runs: Runs,
    hours_ago: float,
    artefacts: dict[str, Path],
    settings: Mapping[str, object] = MappingProxyType({}),
    status: str = "done",
) -> str:
    run = runs.begin({"settings": dict(settings)})
    runs.finish(run, artefacts, {"status": status})
    started = datetime.now(UTC) - timedelta(hours=hours_ago)
    write_json(run / "run.json", read_json(run / "run.json") | {"started": started.isoformat()})
    return run.name


def test_pruning_leaves_the_newest_and_the_champion_with_what_their_steps_made(runs: Runs) -> None:
    shared, own, scores = made(runs, "curate", 9), made(runs, "train", 9), made(runs, "evaluate", 7)
    recent = made(runs, "validate", 0.1)
    old = run_of(runs, 9.5, {"dataset": shared, "model": own})
    base = run_of(runs, 8.5, {})
    named = {"curate": {"previous": str(runs.find(base) / "dataset")}}
    champion = run_of(runs, 7.5, {"scores": scores}, named)
    runs.crown(champion)
    newest = [run_of(runs, 0.5, {"dataset": shared}), run_of(runs, 0.2, {})]
    assert runs.prune(2) == [old]
    assert [record["id"] for record in runs.records()] == [base, champion, *newest]
    assert [path.is_dir() for path in (shared, own, scores, recent)] == [True, False, True, True]
    assert {entry.stem for entry in runs.store.cache.glob("*.json")} == {"curate", "evaluate", "validate"}
    assert (runs.find() / "run.json").is_file()
    assert runs.prune(2) == []


def test_pruning_leaves_the_newest_run_that_was_done_however_many_failed_since(runs: Runs) -> None:
    model = made(runs, "train", 5)
    old, whole = run_of(runs, 6, {}), run_of(runs, 5.5, {"model": model})
    failed = [run_of(runs, hours, {}, status="failed") for hours in (2, 1)]
    assert runs.prune(1) == [old, failed[0]]
    assert [record["id"] for record in runs.records()] == [whole, failed[1]]
    assert model.is_dir()


def test_pruning_takes_the_words_of_tasks_that_ended_before_the_newest_runs(runs: Runs) -> None:
    run_of(runs, 2, {})
    ended, at_work, recent = (runs.folder / ".jobs" / name for name in ("ended", "at_work", "recent"))
    for job in (ended, at_work, recent):
        job.mkdir(parents=True)
        (job / "lock").touch()
        os.utime(job, (time.time() - 3600 * (1 if job == recent else 3),) * 2)
    with only_user(at_work / "lock", "the task"):
        runs.prune(1)
    assert set((runs.folder / ".jobs").iterdir()) == {at_work, recent}


def test_pruning_fewer_runs_than_there_are_deletes_none(runs: Runs) -> None:
    assert runs.prune(3) == []
    finished(runs)
    assert runs.prune(3) == []
    assert len(runs.records()) == 1


def test_a_pruning_that_was_killed_is_made_up_for(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    old, newest = (finished(runs) for _ in range(2))
    monkeypatch.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        runs.prune(1)
    monkeypatch.undo()
    assert [record["id"] for record in runs.records()] == [newest.name]
    assert runs.prune(1) == []
    assert not (runs.store.folder / "discarded").exists()
    assert not old.exists()


def test_a_run_that_came_back_after_a_killed_pruning_can_be_pruned_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = (finished(runs) for _ in range(2))
    copy = shutil.copytree(old, runs.folder.parent / "fetched")
    monkeypatch.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        runs.prune(1)
    monkeypatch.undo()
    copy.rename(old)
    assert runs.prune(1) == [old.name]
    assert not (runs.store.folder / "discarded").exists()


def test_no_run_is_pruned_while_one_is_at_work(runs: Runs) -> None:
    with runs.store.only_user(), pytest.raises(BusyError):
        runs.prune(1)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "5", '{"a": 1}', '{"a": {"__kfp_artifact__": true}}', "[" * 100_000, b"\xff"],
    ids=["empty", "list", "number", "text", "nothing of an artefact", "deep", "no text"],
)
def test_an_entry_of_the_cache_that_is_no_entry_is_forgotten(runs: Runs, text: str | bytes) -> None:
    output = made(runs, "curate", 0)
    foreign = runs.store.cache / "foreign.json"
    foreign.write_bytes(text if isinstance(text, bytes) else text.encode())
    runs.store.sweep()
    assert output.is_dir()
    assert not foreign.exists()
