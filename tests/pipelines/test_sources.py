"""Digests of code: what a step reaches counts, what it does not reach leaves its results valid."""

import os
from pathlib import Path

import pytest

from components.steps import PHOTOS, STEPS, TRAIN
from pipelines.settings import check
from pipelines.sources import ROOT, code_version, listing_digest, step_version

FILES = {
    "components/__init__.py": "",
    "components/paint/__init__.py": "",
    "components/paint/step.py": "def run():\n    from model.colours.mix import mix\n    import model.faces\n",
    "components/paint/brush.txt": "soft",
    "components/print/step.py": "from validation.page import render\n",
    "model/__init__.py": "",
    "model/lock.json": "{}",
    "model/assets/nano/weights.safetensors": "1",
    "model/colours/__init__.py": "",
    "model/colours/mix.py": "from model import base\n",
    "model/colours/table.json": "[]",
    "model/colours/other.py": "",
    "model/base.py": "",
    "model/faces/__init__.py": "",
    "validation/__init__.py": "",
    "validation/page.py": "",
    "validation/templates/page.html": "<p>",
}
REACHED = {
    "components/paint/step.py",
    "components/paint/brush.txt",
    "model/__init__.py",
    "model/lock.json",
    "model/assets/nano/weights.safetensors",
    "model/colours/__init__.py",
    "model/colours/mix.py",
    "model/colours/table.json",
    "model/base.py",
    "model/faces/__init__.py",
}
NOT_REACHED = {
    "components/print/step.py",
    "model/colours/other.py",
    "validation/page.py",
    "validation/templates/page.html",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def version(tree: Path) -> str:
    code_version.cache_clear()
    return code_version(tree, "paint")


@pytest.mark.parametrize("name", sorted(REACHED))
def test_a_change_of_what_the_step_reaches_changes_its_version(tree: Path, name: str) -> None:
    before = version(tree)
    (tree / name).write_text(FILES[name] + "\n# changed\n")
    assert version(tree) != before


@pytest.mark.parametrize("name", sorted(NOT_REACHED))
def test_a_change_elsewhere_does_not(tree: Path, name: str) -> None:
    before = version(tree)
    (tree / name).write_text("changed = True\n")
    assert version(tree) == before


def test_compiled_files_and_texts_for_readers_do_not_count(tree: Path) -> None:
    before = version(tree)
    (tree / "model" / "__pycache__").mkdir()
    (tree / "model" / "__pycache__" / "base.cpython-311.pyc").write_text("x")
    (tree / "components" / "paint" / "README.md").write_text("x")
    assert version(tree) == before


def test_a_template_counts_for_the_step_that_prints(tree: Path) -> None:
    code_version.cache_clear()
    before = code_version(tree, "print")
    (tree / "validation" / "templates" / "page.html").write_text("<div>")
    code_version.cache_clear()
    assert code_version(tree, "print") != before


def test_every_step_of_the_product_has_a_version_of_its_own() -> None:
    assert len({code_version(ROOT, step.folder) for step in STEPS}) == len(STEPS)


def test_a_listing_sees_names_sizes_and_times(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("one")
    os.utime(photos / "a.jpg", ns=(1, 1))
    first = listing_digest(photos)
    (photos / "a.jpg").write_text("two")
    os.utime(photos / "a.jpg", ns=(2, 2))
    second = listing_digest(photos)
    (photos / "a.jpg").rename(photos / "b.jpg")
    third = listing_digest(photos)
    (photos / "sub").mkdir()
    (photos / "sub" / "c.jpg").symlink_to("nowhere")
    assert len({first, second, third, listing_digest(photos)}) == 4


def test_what_is_hidden_counts_neither_as_a_photo_nor_as_source(tree: Path) -> None:
    before = listing_digest(tree), version(tree)
    (tree / ".git").mkdir()
    for name in (".git/index", "model/.DS_Store", "model/assets/.DS_Store"):
        (tree / name).write_text("x")
    assert (listing_digest(tree), version(tree)) == before


@pytest.mark.parametrize("fault", [FileNotFoundError, PermissionError])  # gone meanwhile; in a folder that is shut
def test_a_listing_passes_over_what_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[OSError]
) -> None:
    (tmp_path / "a.jpg").write_text("one")
    alone, stat = listing_digest(tmp_path), os.stat
    (tmp_path / "b.jpg.upload").write_text("two")

    def refuse(path: Path, *rest: object, **more: object) -> object:
        if "upload" in str(path):
            raise fault
        return stat(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    assert listing_digest(tmp_path) == alone


def test_a_list_of_urls_is_a_file_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("url\n")
    settings = check(PHOTOS, {"urls": str(path)})
    before = step_version(PHOTOS, settings)
    assert step_version(PHOTOS, settings) == before
    path.write_text("url\nhttp://example.org/a.jpg\n")
    assert (longer := step_version(PHOTOS, settings)) != before
    (tmp_path / "other.json").write_text("{}")
    assert step_version(PHOTOS, settings) == longer
    (tmp_path / "forgotten.json").write_text("{}")  # beside the list the tombstones of what is downloaded lie
    assert step_version(PHOTOS, settings) != longer


def test_a_folder_that_a_setting_names_counts_and_a_word_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "preset").mkdir()
    (tmp_path / "mine").mkdir()
    word, folder = check(TRAIN, {"start": "preset"}), check(TRAIN, {"start": "mine"})
    assert TRAIN.paths(word) == {}
    assert TRAIN.paths(folder) == {"start": tmp_path / "mine"}
    before = step_version(TRAIN, word), step_version(TRAIN, folder)
    (tmp_path / "preset" / "adapter.json").touch()
    (tmp_path / "mine" / "adapter.json").touch()
    assert step_version(TRAIN, word) == before[0]
    assert step_version(TRAIN, folder) != before[1]
