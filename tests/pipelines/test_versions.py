"""The versions of a dataset in a real git and DVC repository, and that a version costs only the shards it changes."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from rich.console import Console
from typer.testing import CliRunner

from model.errors import UserError
from pipelines.cli import app
from pipelines.version_log import WIDTH, show_log, version_log
from pipelines.versions import open_history
from tests.pipelines.tracked import NAME, TrackedDataset

FIRST = {"Ada": 4, "Bo": 4}
MORE = FIRST | {"Cy": 4}
FEWER = {"Ada": 4, "Cy": 4}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrackedDataset, list[str]]:
    """Ada and Bo; then Cy as well; then no Bo, with a commit after each version that changes nothing in it."""
    there = TrackedDataset(tmp_path_factory.mktemp("three") / "repo")
    revisions = []
    for number, people in enumerate((FIRST, MORE, FEWER)):
        there.write(people, {"blurred": 1 + number}, threshold=0.4 + 0.1 * (number == 2))
        there.add()
        revisions.append(there.commit(f"Version {number}"))
        there.push()
        (there.root / "notes.md").write_text(str(number))
        there.commit("Take notes")
        there.git("tag", f"v{number}")
    return there, revisions


@pytest.fixture
def copy(three: tuple[TrackedDataset, list[str]], tmp_path: Path) -> Path:
    """A copy of the repository that a test may change."""
    return Path(shutil.copytree(three[0].root, tmp_path / "repo"))


def read(repo: Path, limit: int = 20) -> dict[str, Any]:
    with open_history(repo, Path(NAME)) as history:
        return version_log(history, limit)


def text(log: dict[str, Any]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, markup=False)
    show_log(log, console)
    return console.export_text()


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["data", "log", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_versions_are_told_newest_first_with_what_changed(three: tuple[TrackedDataset, list[str]]) -> None:
    there, revisions = three
    log = json.loads(invoke("--repo", str(there.root), "--json"))
    last, middle, first = log["versions"]
    assert [record["revision"] for record in (first, middle, last)] == revisions
    assert [record["tags"] for record in (first, middle, last)] == [["v0"], ["v1"], ["v2"]]
    assert {record["author"] for record in log["versions"]} == {"Ada [red] Grün"}
    assert (last["subject"], last["files"], last["state"]) == ("Version 2", 9, "read")
    assert last["md5"] == yaml.safe_load((there.root / f"{NAME}.dvc").read_text())["outs"][0]["md5"]
    assert last["size"] == sum(file.stat().st_size for file in there.folder.rglob("*") if file.is_file())
    assert (middle["counts"]["images"], middle["counts"]["identities"], middle["shards"]) == (12, 3, 6)
    assert middle["changes"] == {
        "shards": {"new": ["references/part-00004.tar", "references/part-00005.tar"], "kept": 4, "gone": []},
        "people": {"added": ["Cy"], "removed": []},
        "photos": {"added": 4, "removed": 0},
        "rejects": {"blurred": 1},
        "settings": {},
    }
    assert last["changes"] == {
        "shards": {"new": [], "kept": 4, "gone": ["references/part-00002.tar", "references/part-00003.tar"]},
        "people": {"added": [], "removed": ["Bo"]},
        "photos": {"added": 0, "removed": 4},
        "rejects": {"blurred": 1},
        "settings": {"threshold": [0.4, 0.5]},
    }
    assert (first["before"], first["changes"]) == (None, None)
    assert (log["older"], "fetch" in log) == (False, False)


def test_the_text_names_the_same_and_fits(three: tuple[TrackedDataset, list[str]]) -> None:
    there, revisions = three
    shown = invoke("--repo", str(there.root))
    assert shown.index(revisions[2][:7]) < shown.index(revisions[1][:7]) < shown.index(revisions[0][:7])
    for line in ("2 new, 4 kept, 0 gone", "+1 (Cy)", "-1 (Bo)", "+4  -0", "threshold: 0.4 to 0.5", "blurred +1"):
        assert line in shown
    assert "Ada [red] Grün" in shown
    assert "the first version" in shown
    assert max(map(len, text(read(there.root)).splitlines())) <= WIDTH


def test_fewer_versions_still_know_the_one_before(three: tuple[TrackedDataset, list[str]]) -> None:
    log = read(three[0].root, limit=2)
    assert [record["before"] for record in log["versions"]] == [three[1][1], three[1][0]]
    assert log["older"]
    assert "--limit" in text(log)


def test_a_version_that_is_not_in_the_cache_is_told_as_far_as_it_is_known(
    three: tuple[TrackedDataset, list[str]], copy: Path
) -> None:
    md5 = read(copy)["versions"][1]["md5"]
    (copy / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).unlink()
    log = read(copy)
    last, middle, first = log["versions"]
    assert (middle["state"], middle["revision"], middle["md5"], middle["files"]) == ("absent", three[1][1], md5, 11)
    assert (middle["counts"], middle["changes"], last["changes"]) == (None, None, None)
    assert (last["state"], first["state"]) == ("read", "read")
    shown = text(log)
    assert log["fetch"] in shown
    assert f"nothing is known of {three[1][1][:7]}" in shown


def test_what_is_to_be_fetched_is_small_and_enough(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    shutil.rmtree(copy / ".dvc" / "cache")
    log = read(copy)
    assert {record["state"] for record in log["versions"] if record["revision"]} == {"absent"}
    folder, _, names = log["fetch"].removeprefix("dvc fetch --all-commits ").partition("{")
    with Repo(str(copy)) as repo:
        repo.fetch([folder + name for name in names.rstrip("}").split(",")], all_commits=True)
    assert [record["state"] for record in read(copy)["versions"]] == ["read"] * 3
    lists_manifests_and_tables = 3 * (1 + 1 + 2)
    assert sum(file.is_file() for file in (copy / ".dvc" / "cache" / "files").rglob("*")) == lists_manifests_and_tables


def test_the_working_tree_comes_first_where_it_differs(three: tuple[TrackedDataset, list[str]], tmp_path: Path) -> None:
    there = TrackedDataset(tmp_path / "repo")
    there.write(FIRST)
    there.add()
    assert [record["revision"] for record in read(there.root)["versions"]] == [None]  # before the first commit
    revision = there.commit("First")
    assert [record["revision"] for record in read(there.root)["versions"]] == [revision]
    there.write(MORE)
    working = read(there.root)["versions"][0]
    assert (working["revision"], working["md5"], working["before"]) == (None, None, revision)
    assert working["changes"]["people"]["added"] == ["Cy"]
    assert "dvc add" in text(read(there.root))
    there.add()
    added = read(there.root)["versions"][0]
    assert (added["revision"], added["files"], added["changes"]) == (None, 11, working["changes"])


def test_versions_of_a_stage_are_read_from_its_lock(tmp_path: Path) -> None:
    there = TrackedDataset(tmp_path / "repo")
    (there.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"curate": {"cmd": "false", "outs": [NAME]}}}))
    there.commit("Declare the stage")
    assert text(read(there.root)).startswith("no version of data/dataset yet")
    revisions = []
    for people in (FIRST, MORE):
        there.write(people)
        with Repo(str(there.root)) as repo:
            repo.commit(force=True)
        revisions.append(there.commit("Curate"))
    (there.root / "dvc.yaml").write_text("stages: [")
    there.commit("Break it")
    there.git("revert", "--no-edit", "HEAD")
    assert [record["revision"] for record in read(there.root)["versions"]] == revisions[::-1]


def test_what_is_tracked_and_no_dataset_is_told_so(tmp_path: Path) -> None:
    there = TrackedDataset(tmp_path / "repo")
    problems = []
    for content in ({"other.txt": "x"}, {"manifest.json": "{", "images.parquet": "", "identities.parquet": ""}):
        shutil.rmtree(there.folder, ignore_errors=True)
        there.folder.mkdir(parents=True)
        for name, body in content.items():
            (there.folder / name).write_text(body)
        there.add()
        there.commit("Odd")
        problems.append(read(there.root)["versions"][0]["problem"])
    assert problems == ["it has no manifest.json", "manifest.json is not JSON"]
    assert "cannot be read: manifest.json is not JSON" in text(read(there.root))


def test_a_version_adds_and_transfers_only_what_it_changes(tmp_path: Path) -> None:
    there = TrackedDataset(tmp_path / "repo")
    there.write(FIRST)
    there.add()
    assert len(there.objects()) == 4 + 5 + 1  # shards, tables with manifest, the list
    assert there.push() == 10
    before = there.objects()
    there.write(MORE)
    there.add()
    new = there.objects() - before
    assert len(new) == 2 + 3 + 1  # two shards; manifest, images, identities; faces and rejects are the same
    assert there.push() == 6
    assert there.objects(remote=True) == there.objects() == before | new


def test_no_git_no_dvc_no_dataset_are_one_sentence_each(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(UserError, match="is in no git repository: "):
        read(bare)
    there = TrackedDataset(tmp_path / "repo")
    with pytest.raises(UserError, match=r"DVC tracks no data/dataset in .*: "):
        read(there.root)
    with pytest.raises(UserError, match="is not inside the repository"), open_history(there.root, Path("..")):
        pass
    shutil.rmtree(there.root / ".dvc")
    with pytest.raises(UserError, match="has no DVC: "):
        read(there.root)
