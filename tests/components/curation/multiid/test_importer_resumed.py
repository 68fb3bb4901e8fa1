"""Imports that were killed, failed or begun anew: nothing is read twice, and nothing that changed is missed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.curation.multiid import importer, samples
from components.curation.multiid.importer import import_release
from model import artefacts
from model.errors import UserError
from tests.components.curation.multiid.releases import portrait, sample, write_tar


def test_an_import_that_was_killed_goes_on_with_the_next_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_tar(tmp_path / f"r/train_rec/re_{number:06d}.tar", sample(f"k{number}", number))
    import_release(tmp_path / "r", tmp_path / "whole")
    taken: list[str] = []
    real = samples.samples_of

    def samples_once(part: Any, name: str) -> Any:
        taken.append(name)
        if len(taken) == 2:
            raise KeyboardInterrupt
        return real(part, name)

    monkeypatch.setattr(importer, "samples_of", samples_once)
    with pytest.raises(KeyboardInterrupt):
        import_release(tmp_path / "r", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    import_release(tmp_path / "r", tmp_path / "out")
    assert [name[-5:] for name in taken] == ["0.tar", "1.tar", "1.tar", "2.tar"]
    files = {path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*") if path.is_file()}
    for name in files:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()} == files


def test_the_photos_of_a_part_are_on_the_disk_before_its_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        write_tar(tmp_path / f"r/train_rec/re_{number:06d}.tar", sample(f"k{number}", number))
    draft, real, synced = tmp_path / ".out.unfinished", artefacts.new_file, [set[Path]()]
    monkeypatch.setattr(os, "sync", lambda: synced.append(set(draft.glob("*/*/*.jpg"))))

    @contextmanager
    def noted(path: Path) -> Iterator[Path]:
        with real(path) as place:
            yield place
            assert synced[-1] == set(draft.glob("*/*/*.jpg"))

    monkeypatch.setattr(importer, "new_file", noted)
    import_release(tmp_path / "r", tmp_path / "out")
    assert [len(files) for files in synced] == [0, 1, 2]


def test_a_file_that_was_mended_in_its_folder_is_read_again(tmp_path: Path) -> None:
    for name, data in portrait("a", 1):
        (tmp_path / "r/ref/31").mkdir(parents=True, exist_ok=True)
        (tmp_path / "r/ref/31" / name).write_bytes(data)
    whole = (tmp_path / "r/ref/31/a.npy").read_bytes()
    (tmp_path / "r/ref/31/a.npy").write_bytes(whole[:-9])
    (tmp_path / "r/ref/31/b.jpg").symlink_to("nowhere")
    with pytest.raises(UserError, match="1 bad_npy, 1 not_a_file"):
        import_release(tmp_path / "r", tmp_path / "out")
    (tmp_path / "r/ref/31/a.npy").write_bytes(whole)
    assert import_release(tmp_path / "r", tmp_path / "out") == {"photos": 1, "not_a_file": 1}


def test_an_import_that_failed_behind_its_last_part_begins_no_part_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train_cp", "train_rec"):
        write_tar(tmp_path / f"r/{name}/re_000000.tar", sample("a", 1) + sample(name, len(name)))
    import_release(tmp_path / "r", tmp_path / "whole")

    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "_sync_tree", full)
        with pytest.raises(OSError, match="No space left"):
            import_release(tmp_path / "r", tmp_path / "out")
    monkeypatch.setattr(importer, "samples_of", lambda *_: pytest.fail("a part was begun anew"))
    assert import_release(tmp_path / "r", tmp_path / "out") == {"photos": 3, "duplicate": 1}
    assert artefacts.folder_digest(tmp_path / "out") == artefacts.folder_digest(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r", "whole"]
