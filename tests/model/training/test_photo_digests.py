"""Digests of photos: taken once, by processes that share the work, and never those of a photo that was exchanged."""

import hashlib
import shutil
from pathlib import Path

import pytest

from model.artefacts import file_digest, read_json, write_json
from model.dataset.dataset import Dataset
from model.dataset.shards import ShardReader
from model.errors import UserError
from model.training.feature_files import Share, forget_features
from model.training.photo_digests import photo_digests, read_shards


@pytest.fixture
def own(dataset: Dataset, tmp_path: Path) -> Dataset:
    """The dataset in a folder of the test's own."""
    return Dataset.open(Path(shutil.copytree(dataset.folder, tmp_path / "dataset")))


def exchange(dataset: Dataset, image_id: str) -> str:
    """Turn a pixel of a photo, without a word in the manifest; the shard's name."""
    shard, old = str(dataset.images.loc[image_id, "shard"]), dataset.encoded(image_id)
    file = dataset.folder / shard
    file.write_bytes(file.read_bytes().replace(old, old[:-3] + bytes([old[-3] ^ 1]) + old[-2:]))
    return shard


def unread(*_: object) -> bytes:
    raise AssertionError("a photo was read")


def test_they_are_those_of_the_photos_and_the_second_time_no_photo_is_read(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = list(dataset.images.index)
    first = photo_digests(dataset, images, tmp_path)
    assert first == {image: hashlib.sha256(dataset.encoded(image)).hexdigest() for image in images}
    monkeypatch.setattr(ShardReader, "member", unread)
    monkeypatch.setattr("model.training.photo_digests.file_digest", unread)
    assert photo_digests(Dataset.open(dataset.folder), images, tmp_path) == first


def test_processes_read_a_part_of_the_shards_each(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noted(path: Path) -> str:
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr("model.training.photo_digests.file_digest", noted)
    images = list(dataset.images.index)
    for rank in (0, 1):
        read_shards(dataset, images, tmp_path, Share(rank, 2))
        assert 0 < len(read) < dataset.images["shard"].nunique() + rank
    photo_digests(dataset, images, tmp_path)
    assert sorted(read) == sorted(Path(shard).name for shard in dataset.images["shard"].unique())


def test_an_exchanged_photo_is_told_before_anything_is_trained_on_it(own: Dataset, tmp_path: Path) -> None:
    images = list(own.images.index)
    photo_digests(own, images, tmp_path / "store")
    shard = exchange(own, images[3])
    with pytest.raises(UserError, match=f"{shard} is not the one"):
        photo_digests(Dataset.open(own.folder), images, tmp_path / "store")


def test_a_photo_that_the_manifest_knows_to_be_another_has_another_digest(own: Dataset, tmp_path: Path) -> None:
    images = list(own.images.index)
    before = photo_digests(own, images, tmp_path / "store")
    shard = exchange(own, images[3])
    manifest = read_json(own.folder / "manifest.json")
    for row in manifest["shards"]:
        if row["name"] == shard:
            row["sha256"] = file_digest(own.folder / shard)
    write_json(own.folder / "manifest.json", manifest)
    after = photo_digests(Dataset.open(own.folder), images, tmp_path / "store")
    assert {image for image in images if before[image] != after[image]} == {images[3]}


def test_a_shard_that_is_not_there_is_told(own: Dataset, tmp_path: Path) -> None:
    (own.folder / own.images["shard"].iloc[0]).unlink()
    with pytest.raises(UserError, match="is not there"):
        photo_digests(own, own.images.index, tmp_path / "store")


def test_what_is_known_of_a_forgotten_photo_is_deleted(dataset: Dataset, tmp_path: Path) -> None:
    images = list(dataset.images.index)
    records = read_shards(dataset, images, tmp_path)
    assert forget_features([images[3]], tmp_path) == 1
    assert [shard for shard, file in records.items() if not file.is_file()] == [dataset.images.loc[images[3], "shard"]]
