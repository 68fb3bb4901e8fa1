"""The step `photos`: a small cast with its truth, and a folder of the user taken as it is."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.files import read_files
from components.photos.cast.people import names
from components.photos.config import PhotosConfig
from components.photos.step import run
from model.artefacts import file_digest, read_json
from model.errors import UserError

SMALL = PhotosConfig(people=3, photos=2, group_portraits=1, scenes=4, strangers=1, stranger_share=1.0, places=1, seed=5)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cast") / "photos"
    run(photos=out, config=SMALL)
    return out


def test_the_cast_is_an_ordinary_photo_folder(cast: Path) -> None:
    facts = read_json(cast / "photos.json")
    assert (facts["folder"], facts["source"]) == ("photos", "cast")
    with open(cast / "photos" / "photos.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["person"] for row in rows} == {*names(3), ""}
    for row in rows:
        with Image.open(cast / "photos" / row["path"]) as picture:
            assert min(picture.size) >= 512
        assert row["caption"].split(",")[0] in ("one person", "two people", "three people", "four people")
        assert row["licence"]
        assert row["consent"]
    assert sum(row["path"].startswith("scenes/") for row in rows) == 4
    assert len(list((cast / "photos" / "old disk").iterdir())) == 8
    assert (cast / "photos" / "places" / "place 01.jpg").exists()


def test_the_truth_is_kept_apart_and_names_everybody(cast: Path) -> None:
    truth = json.loads((cast / "truth" / "truth.json").read_text(encoding="utf-8"))
    assert not list((cast / "photos").rglob("truth*"))
    singles = [photo for photo in truth["photos"] if photo["path"].startswith("people/")]
    assert len(singles) == 6
    for photo in singles:
        assert photo["path"].split("/")[1] == photo["faces"][0]["person"]
        left, top, right, bottom = photo["faces"][0]["box"]
        assert 0 < right - left < 512
        assert 0 < bottom - top < 512
    resemblance = [face["resemblance"] for photo in truth["photos"] for face in photo["faces"]]
    assert min(resemblance) >= 0.5


def test_singles_and_scenes_show_different_portraits(cast: Path) -> None:
    truth = json.loads((cast / "truth" / "truth.json").read_text(encoding="utf-8"))
    seen: dict[bool, set[tuple[str, float]]] = {True: set(), False: set()}
    for photo in truth["photos"]:
        for face in photo["faces"]:
            if face["person"] in names(3):
                seen[photo["path"].startswith("people/")].add((face["person"], face["resemblance"]))
    assert not seen[True] & seen[False]


def test_a_users_folder_is_named_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.png")
    run(photos=tmp_path / "out", config=PhotosConfig(folder=str(folder)))
    facts = read_json(tmp_path / "out" / "photos.json")
    assert (facts["folder"], facts["source"]) == (str(folder.resolve()), "folder")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["files.parquet", "photos.json"]
    assert read_files(tmp_path / "out") == {"a.png": file_digest(folder / "a.png")}
    assert [p.name for p in folder.iterdir()] == ["a.png"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"photos\.folder '/nowhere/at/all' is not a folder"):
        run(photos=tmp_path / "out", config=PhotosConfig(folder="/nowhere/at/all"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "out"),
    [("folder", "mine/photos"), ("folder", "mine"), ("folder", "."), ("urls", "mine"), ("urls", ".")],
)
def test_an_output_that_would_replace_its_own_source_or_lie_in_it_is_refused(
    setting: str, out: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.jpg").write_bytes(b"x")
    (mine / "list.csv").write_text("url\nhttp://127.0.0.1/a.jpg\n", encoding="utf-8")
    source = mine if setting == "folder" else mine / "list.csv"
    with pytest.raises(UserError, match=f"photos.{setting} '{source}' and the output"):
        run(photos=tmp_path / out, config=PhotosConfig.model_validate({setting: str(source)}))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jpg", "list.csv", "mine"]


@pytest.mark.parametrize("about", ['{"source": "multiid"}', '["mine"]'])
def test_an_imported_release_or_an_album_with_a_photos_json_is_not_replaced(about: str, tmp_path: Path) -> None:
    for name in ("mine", "album"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"x")
    (tmp_path / "mine" / "photos.json").write_text(about, encoding="utf-8")
    with pytest.raises(UserError, match="is there already"):
        run(photos=tmp_path / "mine", config=PhotosConfig(folder=str(tmp_path / "album")))
    assert (tmp_path / "mine" / "a.jpg").exists()


def test_names_are_unique_however_many() -> None:
    assert len(set(names(1000))) == 1000
