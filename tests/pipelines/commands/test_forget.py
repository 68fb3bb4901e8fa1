"""`withanyone forget`: tells whether the new version was searched by face, and deletes files only when asked to."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.curation import forget as room
from components.curation.forget import Forgetting
from components.files import ABOUT, ID_DIGITS, write_files
from model.artefacts import file_digest, write_json
from pipelines.cli import app
from pipelines.runs import Runs
from pipelines.store import link_tree


@pytest.mark.parametrize(
    ("nearest", "told"),
    [
        (0.21, "searched by face: the nearest face left has 0.210, 0.450 would be the person"),
        (None, "not searched by face"),
    ],
)
@pytest.mark.parametrize("delete", [False, True])
def test_it_says_whether_it_searched_by_face(
    nearest: float | None, told: str, delete: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ada.jpg"
    file.touch()
    done = Forgetting(1, [file], frozenset(), nearest, 0.45 if nearest else None)
    monkeypatch.setattr(room, "forget", lambda *_: done)
    words = ["forget", "Ada", "--photos", str(tmp_path), "--dataset", str(tmp_path)]
    said = CliRunner().invoke(app, [*words, *(["--delete-photos"] if delete else [])])
    assert said.exit_code == 0
    assert told in said.stdout
    assert file.exists() is not delete


def test_downloaded_photos_are_deleted_wherever_runs_show_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path / "runs")
    made = runs.store.artefacts / "one" / "photos" / "photos"
    for name in ("ada.jpg", "bo.jpg"):
        (made / "photos" / name[0]).mkdir(parents=True)
        (made / "photos" / name[0] / name).write_bytes(name.encode())
    write_files(made / "photos", made)
    write_json(made / ABOUT, {"folder": "photos", "source": "urls"})
    runs.store.seal(made, {"paths": {}})
    link_tree(made.parent, made.parents[2] / "two" / "photos")
    shown = [runs.begin({}) / "photos" for _ in range(2)]
    for folder in shown:
        link_tree(made, folder)
    os.link(made / "photos" / "a" / "ada.jpg", tmp_path / "own.jpg")
    own = shown[0] / "photos" / "a" / "ada.jpg"
    done = Forgetting(1, [own], frozenset({file_digest(own)[:ID_DIGITS]}), None, None)
    monkeypatch.setattr(room, "forget", lambda *_: done)
    words = ["forget", "Ada", "--photos", str(shown[0] / "photos"), "--dataset", str(tmp_path)]
    listed = CliRunner().invoke(app, words)
    assert listed.stdout.count("still there, yours to delete: ") == len(list(tmp_path.rglob("ada.jpg"))) == 4
    said = CliRunner().invoke(app, [*words, "--delete-photos"])
    assert said.exit_code == 0
    assert said.stdout.count("deleted: ") == 4
    assert "more hard links elsewhere, which are to be deleted, too: 1 photo" in said.stdout
    assert (list(tmp_path.rglob("ada.jpg")), len(list(tmp_path.rglob("bo.jpg")))) == ([], 4)
    entries = [place for place in runs.store.artefacts.glob("*/photos") if (place / "seal.json").is_file()]
    runs.store.cache.mkdir()
    monkeypatch.setattr(type(runs.store), "_cached", lambda _: iter([(made / "none", [e / "photos" for e in entries])]))
    runs.store.sweep()
    assert all((place / "photos" / "photos" / "b" / "bo.jpg").is_file() for place in entries)
