"""Artefacts appear whole or not at all, and digests depend on names and contents alone."""

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model import artefacts
from model.artefacts import (
    cache_folder,
    file_digest,
    folder_digest,
    kept_folder,
    new_file,
    new_folder,
    read_json,
    write_json,
)
from model.errors import UserError


def test_new_folder_takes_its_name_at_the_end(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as draft:
        (draft / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_error_leaves_the_old_folder_and_no_draft(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as draft:
        (draft / "a").write_text("old")
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "out") as draft:
        (draft / "missing").read_text()
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_new_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with new_folder(tmp_path / "out") as draft:
            (draft / name).write_text(name)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b"]


@pytest.mark.parametrize("writer", [new_folder, kept_folder])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_the_folder_that_it_names_is_written(
    writer: Callable[[Path], AbstractContextManager[Path]], there: bool, tmp_path: Path
) -> None:
    large, link = tmp_path / "large disk", tmp_path / "out"
    link.symlink_to("large disk")
    if there:
        large.mkdir()
    with writer(link) as draft:
        (draft / "a").write_text("1")
    assert link.is_symlink()
    assert (large / "a").read_text() == "1"
    assert {p.name for p in tmp_path.iterdir()} == {"large disk", "out"}


def test_there_is_an_output_at_every_moment_of_its_replacement(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    if not artefacts._exchanged(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange two names at once")
    path, over, missed = tmp_path / "out", threading.Event(), list[int]()
    path.mkdir()

    def watch() -> None:
        while not over.is_set():
            if not path.exists():
                missed.append(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(200):
        with new_folder(path) as draft:
            (draft / str(number)).touch()
    over.set()
    watcher.join()
    assert not missed
    assert [file.name for file in path.iterdir()] == ["199"]
    assert {file.name for file in tmp_path.iterdir()} == {"one", "other", "out"}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_kept_draft_never_holds_what_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    if not at_once:
        monkeypatch.setattr(artefacts, "_exchanged", lambda *_: False)
    for name in ("a", "b"):
        with kept_folder(tmp_path / "out") as draft:
            assert list(draft.iterdir()) == []
            (draft / name).touch()
        assert [file.name for file in (tmp_path / "out").iterdir()] == [name]
    assert {file.name for file in tmp_path.iterdir()} == {"out"}


def writer(kind: str, path: Path) -> "subprocess.Popen[str]":
    """A process in the midst of writing `path` by `new_folder` or `new_file`; a line to it lets it end well."""
    program = (
        f"import sys; from pathlib import Path; from model.artefacts import {kind} as new\n"
        "with new(Path(sys.argv[1])) as draft:\n"
        "    (draft / 'a' if draft.is_dir() else draft).write_text('1')\n"
        "    print('in', flush=True)\n"
        "    sys.stdin.readline()"
    )
    command = [sys.executable, "-c", program, str(path)]
    found = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "in\n"
    return found


@pytest.mark.parametrize("kind", ["new_folder", "new_file"])
def test_the_draft_of_a_killed_writer_goes_with_the_next_and_that_of_a_living_one_stays(
    tmp_path: Path, kind: str
) -> None:
    killed, alive = writer(kind, tmp_path / "out"), writer(kind, tmp_path / "out.b")
    killed.kill()
    killed.wait(timeout=10)
    assert len(list(tmp_path.iterdir())) == 2
    users = {tmp_path / ".out.abcdefgh", tmp_path / "out.withanyone-draft", tmp_path / ".out.12345678.withanyone-draft"}
    for file in users:
        file.touch()
    write_json(tmp_path / "out", {})
    (draft,) = set(tmp_path.iterdir()) - users - {tmp_path / "out"}
    assert draft.name.startswith(".out.b.")
    alive.communicate("\n", timeout=10)
    assert alive.returncode == 0
    assert set(tmp_path.iterdir()) == users | {tmp_path / "out", tmp_path / "out.b"}


def test_what_a_killed_writer_had_moved_aside_is_never_swept_while_it_is_the_only_one(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from model import artefacts\n"
        "artefacts._exchanged = lambda new, path: path.rename(new.parent / 'old') and os.kill(os.getpid(), 9)\n"
        "with artefacts.new_folder(Path(sys.argv[1])): pass"
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").touch()
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "out")], check=False).returncode == -9
    assert not (tmp_path / "out").exists()
    write_json(tmp_path / "other", {})
    assert len(list(tmp_path.glob(".out.*/old/a"))) == 1
    assert writer("new_folder", tmp_path / "out").communicate("\n", timeout=10)
    assert writer("new_folder", tmp_path / "out").communicate("\n", timeout=10)
    assert {file.name for file in tmp_path.iterdir()} == {"out", "other"}


def test_new_file_is_atomic(tmp_path: Path) -> None:
    target = tmp_path / "value.json"
    write_json(target, {"b": 1, "a": "é"})
    with pytest.raises(FileNotFoundError), new_file(target) as draft:
        draft.with_name("missing").read_text()
    assert read_json(target) == {"a": "é", "b": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_a_full_disk_is_told_by_the_file_that_was_written(tmp_path: Path) -> None:
    for number, named in ((errno.ENOSPC, str(tmp_path / "a.jpg")), (errno.EDQUOT, str(tmp_path / "a.jpg")), (5, None)):
        with pytest.raises(OSError, match="x") as raised, new_file(tmp_path / "a.jpg"):
            raise OSError(number, "x")
        assert raised.value.filename == named
    with pytest.raises(OSError, match="x") as raised, new_file(tmp_path / "a.jpg"):
        raise OSError(errno.ENOSPC, "x", "/other")
    assert raised.value.filename == "/other"


def test_what_the_system_told_safetensors_is_told_as_by_the_system(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as told, new_file(tmp_path / "one") as draft:
            save_file({"one": np.zeros(10_000)}, draft)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (told.value.errno, told.value.filename) == (errno.EFBIG, str(tmp_path / "one"))
    assert not list(tmp_path.iterdir())


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_folder_digest_sees_names_and_contents(tmp_path: Path) -> None:
    def digest(files: dict[str, str]) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder_digest(folder)

    same = digest({"a/b": "1", "c": "2"})
    assert digest({"c": "2", "a/b": "1"}) == same
    assert digest({"a/b": "1", "d": "2"}) != same
    assert digest({"a/b": "1", "c": "3"}) != same


def test_file_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_cache_follows_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path))
    assert cache_folder("a", "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_a_kept_folder_is_found_again_and_written_by_one_at_a_time(tmp_path: Path) -> None:
    def broken() -> None:
        with kept_folder(tmp_path / "out") as draft:
            (draft / "half").write_text("1")
            with pytest.raises(UserError, match="another process is writing"), kept_folder(tmp_path / "out"):
                pass
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert not (tmp_path / "out").exists()
    with kept_folder(tmp_path / "out") as draft:
        assert (draft / "half").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755), (2, 0o664, 0o775)])
def test_who_may_read_what_is_written_is_for_the_umask_to_say(
    tmp_path: Path, umask: int, file: int, folder: int
) -> None:
    before = os.umask(umask)
    try:
        with new_folder(tmp_path / "made") as draft:
            write_json(draft / "a.json", {})
            (draft / "b.txt").write_text("b")
            with new_file(draft / "c.safetensors") as path:
                path.touch(0o600)  # as safetensors makes its own
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "made", *(tmp_path / "made").iterdir())}
    assert modes == {"made": folder, "a.json": file, "b.txt": file, "c.safetensors": file}
