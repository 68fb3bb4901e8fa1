"""The list of a photo folder's files: what is in it, what changes its digest, what it refuses to be read from."""

import os
from pathlib import Path

import pytest
from PIL import Image

from components.files import read_files, refuse_no_picture, write_files
from model.artefacts import file_digest
from model.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "album" / "below").mkdir(parents=True)
    (tmp_path / "album" / "a.png").write_bytes(b"one")
    (tmp_path / "album" / "below" / "é.png").write_bytes(b"two")
    return tmp_path / "album"


def test_each_file_has_its_digest(folder: Path, tmp_path: Path) -> None:
    (folder / "link.png").symlink_to(folder / "a.png")
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"three")
    write_files(folder, tmp_path)
    assert read_files(tmp_path) == {path: file_digest(folder / path) for path in ("a.png", "below/é.png")}


def test_the_digest_says_when_anything_changed(folder: Path, tmp_path: Path) -> None:
    first = write_files(folder, tmp_path)
    assert write_files(folder, tmp_path) == first
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"three")
    second = write_files(folder, tmp_path)
    (folder / "a.png").write_bytes(b"One")
    third = write_files(folder, tmp_path)
    (folder / "a.png").rename(folder / "b.png")
    assert len({first, second, third, write_files(folder, tmp_path)}) == 4


def test_what_is_hidden_is_neither_read_nor_counted(folder: Path, tmp_path: Path) -> None:
    first = write_files(folder, tmp_path)
    (folder / ".git").mkdir()
    (folder / ".git" / "a.png").write_bytes(b"three")
    (folder / "below" / ".DS_Store").write_bytes(b"four")
    assert write_files(folder, tmp_path) == first
    assert set(read_files(tmp_path)) == {"a.png", "below/é.png"}


def test_many_files_are_listed_a_few_at_a_time(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = write_files(folder, tmp_path), read_files(tmp_path)
    monkeypatch.setattr("components.files.TOGETHER", 1)
    assert (write_files(folder, tmp_path), read_files(tmp_path)) == at_once


def test_a_file_that_cannot_be_looked_at_has_an_empty_digest(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def refuse(path: Path, *rest: object, **more: object) -> object:
        if "é" in str(path):  # as in a folder that may be listed but not entered
            raise PermissionError
        return stat(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr("components.files.file_digest", lambda path: path.stat() and "known")
    write_files(folder, tmp_path)
    assert read_files(tmp_path) == {"a.png": "known", "below/é.png": ""}


def test_photos_without_a_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no readable files\.parquet .*: run the step photos again"):
        read_files(tmp_path)
    (tmp_path / "files.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"no readable files\.parquet"):
        read_files(tmp_path)


def test_a_folder_without_a_picture_is_refused_and_one_picture_is_enough(folder: Path) -> None:
    (folder / "photos.csv").write_text("path\na.png\n")
    Image.new("RGB", (8, 8)).save(folder / ".hidden.png")
    with pytest.raises(UserError, match=rf"photos\.folder '{folder}' holds no picture that can be read: put photos"):
        refuse_no_picture(folder)
    Image.new("RGB", (8, 8)).save(folder / "below" / "z.webp")
    refuse_no_picture(folder)


def test_a_picture_too_large_to_open_is_one_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 40)).save(folder / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    refuse_no_picture(folder)
