"""Shards: the same bytes each time, read back at random."""

import copy
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from model.artefacts import file_digest
from model.dataset.shards import Sample, ShardReader, list_shards, pack_arrays, unpack_arrays, write_shards
from model.errors import UserError


def samples(count: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    return [
        Sample(
            f"{n:016x}",
            rng.bytes(50 + n),
            {"n": n, "name": "Zoë & co"},
            {"embeddings": rng.random((n % 3, 4), np.float32)},
        )
        for n in range(count)
    ]


def test_samples_come_back_in_any_order(tmp_path: Path) -> None:
    written = list(write_shards(tmp_path, "images", samples(7), per_shard=3))
    assert [name for _, name in written] == ["images/part-00000.tar"] * 3 + ["images/part-00001.tar"] * 3 + [
        "images/part-00002.tar"
    ]
    with ShardReader(tmp_path) as reader:
        for sample, shard in reversed(written):
            read = reader.read(shard, sample.key)
            assert (read.jpg, read.record) == (sample.jpg, sample.record)
            assert np.array_equal(read.arrays["embeddings"], sample.arrays["embeddings"])
    assert [(shard.name, shard.samples) for shard in list_shards(tmp_path)] == [
        ("images/part-00000.tar", 3),
        ("images/part-00001.tar", 3),
        ("images/part-00002.tar", 1),
    ]


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        list(write_shards(tmp_path / folder, "images", samples(4), per_shard=9))
    digests = {file_digest(tmp_path / folder / "images/part-00000.tar") for folder in ("a", "b")}
    assert len(digests) == 1


def test_arrays_are_never_pickled() -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        pack_arrays({"bad": np.array([{}], dtype=object)})
    evil = io.BytesIO()
    np.savez(evil, bad=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpack_arrays(evil.getvalue())


def test_a_missing_sample_and_a_cut_tar_are_named(tmp_path: Path) -> None:
    list(write_shards(tmp_path, "images", samples(2), per_shard=9))
    shard = "images/part-00000.tar"
    with ShardReader(tmp_path) as reader:
        with pytest.raises(UserError, match=r"holds no ffff\.jpg"):
            reader.read(shard, "ffff")
        with pytest.raises(UserError, match="cannot be opened"):
            reader.keys("images/part-00009.tar")
    (tmp_path / shard).write_bytes(b"no tar at all" * 100)
    with ShardReader(tmp_path) as reader, pytest.raises(UserError, match="not a readable tar"):
        reader.keys(shard)


def test_links_and_devices_in_a_tar_are_not_samples(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with tarfile.open(tmp_path / "images/part-00000.tar", "w") as tar:
        link = tarfile.TarInfo("a.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with ShardReader(tmp_path) as reader, pytest.raises(UserError, match=r"holds no a\.jpg"):
        reader.member("images/part-00000.tar", "a", "jpg")


def test_a_reader_goes_to_worker_processes_without_its_files(tmp_path: Path) -> None:
    written = list(write_shards(tmp_path, "images", samples(2), per_shard=9))
    with ShardReader(tmp_path) as reader:
        reader.keys(written[0][1])
        with copy.copy(reader) as other:  # copied through the same state that pickling sends
            assert other.read(written[1][1], written[1][0].key).jpg == written[1][0].jpg
