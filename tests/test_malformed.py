"""Every malformed file through every reader of its kind: the documented refusal or a counted reject, at once."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.curation.config import CurationConfig
from components.curation.decode import RefusedPhotoError, decode
from components.curation.multiid.importer import import_release
from components.curation.sources.folder import scan
from model.dataset.dataset import Dataset
from model.dataset.records import read_table
from model.dataset.shards import ShardReader
from model.errors import UserError
from model.inert_pickle import RefusedArrayError
from model.npy import read_npy
from tests.components.curation.multiid.releases import sample, write_tar
from tests.malformed import corpus
from tests.malformed.__main__ import main

SECONDS = 5.0  # for any one file; the slowest takes a fraction of one
MARKER = Path("/tmp/withanyone-malformed-was-run")
FILES = [(kind, name, data) for kind, files in corpus(MARKER).items() for name, data in files.items()]
Read = Callable[[Path, bytes], None]


@pytest.fixture(autouse=True)
def in_place_and_in_time(tmp_path: Path) -> Iterator[None]:
    """Nothing ran, nothing was written beside the work folder, and it was quick."""
    (tmp_path / "work").mkdir()
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    assert not MARKER.exists()


def attempt(allowed: type[Exception], call: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """The result and '', or None and the sentence of the one error that is allowed."""
    try:
        return call(*arguments), ""
    except allowed as error:
        sentence = str(error)
    assert sentence
    return None, sentence


def scan_photos(folder: Path, data: bytes) -> None:
    (folder / "photo.jpg").write_bytes(data)
    items, rejects = scan(folder)
    assert (items["path"].to_pylist(), rejects) == (["photo.jpg"], [])
    config = CurationConfig(max_side=256, min_side=32)
    decoded, _ = attempt(RefusedPhotoError, decode, folder / "photo.jpg", config)
    assert decoded is None or max(decoded.pixels.shape) <= 256


def scan_listing(folder: Path, data: bytes) -> None:
    (folder / "a.jpg").write_bytes(b"x")
    (folder / "photos.csv").write_bytes(data)
    found, refusal = attempt(UserError, scan, folder)
    if found is None:
        assert "photos.csv" in refusal
        return
    assert found[0]["path"].to_pylist() == ["a.jpg"]
    assert all(reject.reason and reject.detail for reject in found[1])


def read_parquet(folder: Path, data: bytes) -> None:
    (folder / "rejects.parquet").write_bytes(data)
    with pytest.raises(UserError, match=r"rejects\.parquet"):
        read_table(folder, "rejects")


def read_array(folder: Path, data: bytes) -> None:
    attempt(RefusedArrayError, read_npy, data)


def read_record(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(UserError, match=r"manifest\.json"):
        Dataset.open(folder)


def read_tar(folder: Path, data: bytes) -> None:
    for place in ("train_rec", "ref/tars", "images"):
        (folder / "release" / place).mkdir(parents=True, exist_ok=True)
    for name in ("train_rec/re_000000.tar", "ref/tars/7.tar", "images/part-00000.tar"):
        (folder / "release" / name).write_bytes(data)
    write_tar(folder / "release/train_cp/re_000000.tar", sample("good", 9))
    counts = import_release(folder / "release", folder / "photos")
    assert 1 <= counts["photos"] <= 5
    assert sum(counts.values()) > counts["photos"] or data == bytes(4096)
    with ShardReader(folder / "release") as reader:
        keys, refusal = attempt(UserError, reader.keys, "images/part-00000.tar")
        assert keys is not None or "is not a readable tar" in refusal
        for key in keys or []:
            with pytest.raises(UserError, match=r"holds no|is broken"):
                reader.read("images/part-00000.tar", key)


READERS: dict[str, Read] = {
    "image": scan_photos,
    "csv": scan_listing,
    "parquet": read_parquet,
    "npy": read_array,
    "json": read_record,
    "tar": read_tar,
}


@pytest.mark.parametrize(("kind", "name", "data"), FILES, ids=[f"{kind}-{name}" for kind, name, _ in FILES])
def test_a_malformed_file_is_refused_and_counted(kind: str, name: str, data: bytes, tmp_path: Path) -> None:
    READERS[kind](tmp_path / "work", data)
    written = {path.relative_to(tmp_path / "work").parts[0] for path in (tmp_path / "work").rglob("*")}
    assert written <= {"photo.jpg", "a.jpg", "photos.csv", "rejects.parquet", "manifest.json", "release", "photos"}


def test_every_bad_member_of_one_tar_is_counted_and_the_good_sample_is_kept(tmp_path: Path) -> None:
    members = sample("good", 1)
    bad = [(kind, data) for kind, _, data in FILES if kind in ("npy", "json")]
    for number, (kind, data) in enumerate(bad):
        key = f"bad{number}"
        members += [(name, data if name == f"{key}.{kind}" else whole) for name, whole in sample(key)]
    write_tar(tmp_path / "work/release/train_rec/re_000000.tar", members)
    counts = import_release(tmp_path / "work/release", tmp_path / "work/photos")
    assert (counts.pop("photos"), sum(counts.values())) == (1, len(bad))
    assert counts["bad_npy"] > counts["bad_json"] > 0
    rejects = read_table(tmp_path / "work/photos", "rejects").to_pylist()
    assert len({reject["path"] for reject in rejects}) == len(bad)
    assert all(reject["detail"] for reject in rejects)


def test_the_corpus_is_large_and_the_same_each_time(tmp_path: Path) -> None:
    assert len(FILES) >= 60
    assert len({data for *_, data in FILES}) >= 60
    assert corpus(MARKER) == corpus(MARKER)
    main(tmp_path / "work/corpus")
    assert len([path for path in (tmp_path / "work/corpus").rglob("*") if path.is_file()]) == len(FILES)
    shutil.rmtree(tmp_path / "work/corpus")
