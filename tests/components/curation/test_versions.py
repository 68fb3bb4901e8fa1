"""One version of a dataset after another: only new photos are looked at, and shards stay where nothing changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.curation.config import CurationConfig
from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs
from model.dataset.records import read_table
from model.errors import UserError
from validation.dataset.limits import Limits
from validation.dataset.tables import measured

Curate = Callable[..., Path]
Paint = Callable[..., bytes]
Photos = dict[str, bytes]
CONFIG = CurationConfig(photos_per_shard=4)


@pytest.fixture
def album(painted: Paint) -> Photos:
    """Six people with three photos each and three scenes of two."""
    photos = {f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate("ABCDEF", 1) for n in range(3)}
    return photos | {f"scene {n}.png": painted(*who, seed=9) for n, who in enumerate([(1, 2), (3, 4), (5, 6)])}


@pytest.fixture
def more(painted: Paint) -> Photos:
    """One more photo of one of them, a seventh person, a scene with her."""
    photos = {f"G/{n}.png": painted(7, seed=n) for n in range(3)}
    return photos | {"A/new.png": painted(1, seed=8), "scene new.png": painted(7, 1, seed=9)}


def facts(folder: Path) -> dict[str, Any]:
    """All that must not depend on how a dataset came about."""
    dataset = Dataset.open(folder)
    images = read_table(folder, "images").drop_columns("shard").sort_by("image_id")
    return {
        "images": images.to_pylist(),
        "faces": dataset.faces.sort_index()[["image_id", "index", "identity", "role", "fingerprint"]].to_dict("index"),
        "people": dataset.identities[["references", "targets", "split"]].to_dict("index"),
        "rejects": dataset.rejects.to_dict("records"),
        "pairs": {split: dict(dataset_pairs(dataset, split)) for split in ("train", "heldout")},
        "counts": dataset.manifest["counts"],
    }


def shards(folder: Path) -> dict[str, str]:
    return {shard["name"]: shard["sha256"] for shard in Dataset.open(folder).manifest["shards"]}


def test_a_version_with_more_photos_equals_a_fresh_one(
    curate: Curate, reader: Any, album: Photos, more: Photos, tmp_path: Path
) -> None:
    before = shards(curate(album, config=CONFIG))
    reader.seen = 0
    grown = curate(album | more, config=CONFIG)
    assert reader.seen == len(more)
    assert before.items() < shards(grown).items()
    shutil.rmtree(tmp_path / "cache")
    fresh = curate(album | more, "fresh", config=CONFIG)
    assert facts(grown) == facts(fresh)
    for image_id in Dataset.open(fresh).images.index:
        assert Dataset.open(grown).sample(image_id).jpg == Dataset.open(fresh).sample(image_id).jpg


def test_photos_that_leave_touch_their_own_shards_alone(curate: Curate, reader: Any, album: Photos) -> None:
    before = shards(curate(album, config=CONFIG))
    reader.seen = 0
    fewer = {path: data for path, data in album.items() if not path.startswith("A/")}
    after = shards(curate(fewer, config=CONFIG))
    assert reader.seen == 0
    assert {name for name in before if after.get(name) != before[name]} == {
        "images/part-00000.tar",  # the scene with A, whom nobody knows now
        "references/part-00000.tar",
    }


def test_an_emptied_shard_is_gone_and_further_photos_follow_behind_the_last(curate: Curate, album: Photos) -> None:
    config = CurationConfig(photos_per_shard=3)
    curate(album, config=config)
    last = {path: data for path, data in album.items() if not path.startswith("F/")}
    after = shards(curate(last, config=config))
    assert "references/part-00005.tar" not in after
    assert max(shards(curate(album, config=config))) == "references/part-00005.tar"


@pytest.mark.parametrize(("changed", "links"), [({}, 2), ({"min_side": 97}, 1)])
def test_the_earlier_version_may_lie_elsewhere_and_lends_only_equal_pixels(
    curate: Curate, album: Photos, more: Photos, changed: dict[str, int], links: int
) -> None:
    before = curate(album, "before", config=CONFIG)
    after = curate(album | more, "after", config=CONFIG.model_copy(update={"previous": str(before), **changed}))
    assert (after / "references/part-00000.tar").stat().st_nlink == links
    assert shards(before).items() < shards(after).items() or links == 1


def test_an_earlier_version_that_is_none_is_refused(curate: Curate, album: Photos, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty is not a dataset"):
        curate(album, config=CONFIG.model_copy(update={"previous": str(tmp_path / "empty")}))


def test_pictures_whose_copies_are_gone_are_decoded_again(
    curate: Curate, reader: Any, album: Photos, tmp_path: Path
) -> None:
    first = curate(album, "first", config=CONFIG)
    assert not list((tmp_path / "cache").rglob("jpgs"))
    second = curate(album, "second", config=CONFIG)
    assert shards(first) == shards(second)


def split_of(folder: Path) -> set[str]:
    return set(Dataset.open(folder).identities.query("split == 'heldout'").index)


def test_the_next_week_keeps_the_people_of_the_benchmark(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path
) -> None:
    first = split_of(curate(album, "first"))
    number = "ABCDEF".index(min(first)) + 1
    grown = album | {f"{min(first)}/{n}.png": painted(number, seed=n) for n in range(3, 7)}
    grown |= {f"G/{n}.png": painted(7, seed=n) for n in range(3)} | {"scene new.png": painted(number, 7, seed=9)}
    assert not first <= split_of(curate(grown, "free"))
    kept = Dataset.open(curate(grown, "kept", config=CurationConfig(previous=str(tmp_path / "first"))))
    assert first <= split_of(kept.folder)
    frames = measured(kept.folder, kept.manifest, Limits(), tmp_path).frames
    assert len(frames["lookalikes"])
    for name in ("lookalikes", "training faces"):
        assert (frames[name]["similarity"] < kept.manifest["calibration"]["threshold"]).all()
