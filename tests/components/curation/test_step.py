"""The whole step on painted photos: who becomes what, the same bytes each time, stopped and resumed."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from components.curation import faces_pass
from components.curation.config import CurationConfig
from model.artefacts import folder_digest
from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs, reference_choices
from model.errors import UserError

Curate = Callable[..., Path]
Paint = Callable[..., bytes]
Photos = dict[str, bytes]


@pytest.fixture
def album(painted: Paint) -> Photos:
    """Six people with three photos each, four scenes of two, a stranger, an empty scene, a broken file."""
    photos = {f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate("ABCDEF", 1) for n in range(3)}
    photos |= {f"scenes {n}/x.png": painted(*pair, seed=9) for n, pair in enumerate([(1, 2), (2, 1), (3, 4), (5, 6)])}
    photos["scenes 1/x.png"] = painted(2, 1, seed=11)
    return photos | {"stranger.png": painted(99), "empty.png": painted(), "broken.png": painted(1)[:90]}


def test_photos_become_references_targets_and_rejects(curate: Curate, album: Photos) -> None:
    dataset = Dataset.open(curate(album, config=CurationConfig(heldout_fraction=0.0)))
    assert list(dataset.identities["references"]) == [3] * 6
    assert list(dataset.identities["targets"]) == [2, 2, 1, 1, 1, 1]
    assert set(zip(dataset.rejects["path"], dataset.rejects["reason"])) == {
        ("empty.png", "no_face"),
        ("broken.png", "unreadable"),
    }
    scene = dataset.images.set_index("path").loc["scenes 2/x.png"]
    assert (scene["kind"], scene["faces"], scene["known"]) == ("group", 2, 2)
    assert list(dataset.faces_of(str(scene["image_id"]))["identity"]) == ["C", "D"]
    stranger = dataset.images.set_index("path").loc["stranger.png"]
    assert list(dataset.faces_of(str(stranger["image_id"]))["role"]) == ["unknown"]
    counts = dataset.manifest["counts"]
    pairs = sum(len(v) for side in ("train", "heldout") for v in dataset_pairs(dataset, side).values())
    assert (counts["photos"], counts["images"], counts["faces"], counts["pairs"]) == (25, 23, 27, pairs)
    assert pairs == 6 * 3 * 2 + 8 * 3
    assert dataset.image(str(scene["image_id"])).shape == (160, 240, 3)


def test_names_that_seem_to_be_one_person_or_two_are_told(curate: Curate, album: Photos, painted: Paint) -> None:
    album |= {f"A again/{n}.png": painted(1, seed=20 + n) for n in range(3)}
    album |= {f"torn/{n}.png": painted(7 + n // 3, seed=n) for n in range(5)}
    album |= {f"half/{n}.png": painted(11 + n // 4, seed=n) for n in range(7)}
    album |= {f"mixed/{n}.png": painted(13 + n // 2, seed=n) for n in range(8)}
    manifest = Dataset.open(curate(album)).manifest
    doubts = {tuple(doubt["names"]): doubt["why"] for doubt in manifest["doubtful_names"]}
    assert doubts.keys() == {("A", "A again"), ("torn",), ("half",)}
    assert doubts["A", "A again"].startswith("look like one person: similarity 0.8")
    assert doubts["torn",] == "looks like more than one person: 3 photos of one, 2 of another"
    assert doubts["half",] == "looks like more than one person: 4 photos of one, 3 of another; it names nobody"
    assert manifest["calibration"]["rule"] == "too few faces"


def test_held_out_people_share_no_photo_with_trained_ones(curate: Curate, album: Photos) -> None:
    dataset = Dataset.open(curate(album, config=CurationConfig(heldout_fraction=0.34)))
    people = dataset.identities["split"]
    assert set(people[people == "heldout"].index) in ({"C", "D"}, {"E", "F"}, {"A", "B"})
    assert "mixed" not in set(dataset.images["split"])
    for _, face in dataset.faces[dataset.faces["identity"].notna()].iterrows():
        assert dataset.images["split"][face["image_id"]] == people[face["identity"]]


def test_two_runs_give_the_same_bytes(curate: Curate, album: Photos) -> None:
    assert folder_digest(curate(album, "one")) == folder_digest(curate(album, "two"))


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_stopped_run_resumes_where_it_was(
    curate: Curate,
    album: Photos,
    reader: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    calls: int,
) -> None:
    monkeypatch.setattr(faces_pass, "PART", {"cpu": 4})
    whole = folder_digest(curate(album, "whole"))
    shutil.rmtree(tmp_path / "cache")
    needed, reader.calls = reader.calls, 0
    analyse = reader.analyse

    def stops(images: object) -> object:
        if reader.calls == calls:
            raise KeyboardInterrupt
        return analyse(images)

    monkeypatch.setattr(reader, "analyse", stops)
    with pytest.raises(KeyboardInterrupt):
        curate(album, "resumed")
    done, reader.calls = reader.calls, 0
    monkeypatch.setattr(reader, "analyse", analyse)
    assert folder_digest(curate(album, "resumed")) == whole
    assert reader.calls == needed - done


def copies(photo: bytes) -> dict[str, bytes]:
    """The same picture under other bytes; lossless, so that the stand-in still reads it."""
    picture = Image.open(io.BytesIO(photo))
    encoded = {}
    for name, options in {"fast": {"compress_level": 1}, "slow": {"compress_level": 9}}.items():
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", **options)
        encoded[name] = buffer.getvalue()
    buffer = io.BytesIO()
    ImageOps.expand(picture.crop((0, 0, 240, 150)), (0, 0, 0, 30)).save(buffer, "PNG")
    return encoded | {"padded": buffer.getvalue()}


def test_planted_copies_never_become_references(curate: Curate, album: Photos) -> None:
    planted = {f"A/copy of 0 {name}.png": data for name, data in copies(album["A/0.png"]).items()}
    planted |= {f"elsewhere/{name}.png": data for name, data in copies(album["B/1.png"]).items()}
    planted["A/bytes.png"] = album["A/0.png"]
    dataset = Dataset.open(curate(album | planted))
    rejects = dict(zip(dataset.rejects["path"], dataset.rejects["reason"]))
    groups = [
        {"A/0.png", "A/bytes.png", *(p for p in planted if p.startswith("A/copy"))},
        {"B/1.png", *(p for p in planted if p.startswith("else"))},
    ]
    for group in groups:
        assert len([path for path in group if rejects.get(path) in ("near_duplicate", "duplicate")]) == len(group) - 1
    path = dataset.images["path"]
    for target, references in reference_choices(dataset.faces).items():
        for reference in references:
            pair = {path[target.split("-")[0]], path[reference.split("-")[0]]}
            assert not any(pair <= group for group in groups)


def test_wrong_photos_of_a_person_are_refused(curate: Curate, album: Photos, painted: Paint) -> None:
    wrong = {"A/really B.png": painted(2, seed=30), "A/nobody else.png": painted(50, seed=31)}
    rejects = Dataset.open(curate(album | wrong)).rejects.set_index("path")["reason"]
    assert rejects["A/really B.png"] == "mislabelled"
    assert rejects["A/nobody else.png"] == "outlier"


def test_a_listing_names_one_photo_people_who_appear_elsewhere(curate: Curate, painted: Paint) -> None:
    photos = {"1.png": painted(1), "2.png": painted(2), "3.png": painted(3), "crew.png": painted(1, 2, seed=5)}
    photos["photos.csv"] = b"path,person\n1.png,Ada\n2.png,Bo\n3.png,Cy\n"
    dataset = Dataset.open(curate(photos))
    assert list(dataset.identities.index) == ["Ada", "Bo"]
    assert list(dataset.identities["targets"]) == [1, 1]
    assert set(zip(dataset.rejects["path"], dataset.rejects["reason"])) == {("3.png", "one_photo")}


def test_a_folder_of_a_mixed_crowd_names_nobody(curate: Curate, album: Photos, painted: Paint) -> None:
    mixed = {f"holiday/{n}.png": painted(n, seed=40) for n in (1, 2, 3, 60)}
    dataset = Dataset.open(curate(album | mixed))
    assert "holiday" not in dataset.identities.index
    assert not dataset.rejects["path"].str.startswith("holiday").any()
    assert int(dataset.identities["targets"].sum()) == 8 + 3


def test_people_without_any_name_are_found_by_their_faces(curate: Curate, painted: Paint) -> None:
    dataset = Dataset.open(curate({f"{k}{n}.png": painted(k, seed=n) for k in (1, 2) for n in range(3)}))
    assert list(dataset.identities["references"]) == [3, 3]
    assert all(name.startswith("person-") for name in dataset.identities.index)


def test_where_folders_are_years_and_places_people_are_found_by_their_faces(
    curate: Curate, painted: Paint, caplog: pytest.LogCaptureFixture
) -> None:
    photos = {f"{folder}/{k}{n}.png": painted(k, seed=n) for k in (1, 2, 3) for n, folder in enumerate("xyz")}
    identities = Dataset.open(curate(photos)).identities
    assert "none of 3 names one" in caplog.text
    assert list(identities["references"]) == [3, 3, 3]
    assert all(name.startswith("person-") for name in identities.index)


def test_a_year_is_nobodys_name_though_most_photos_of_it_show_one_person(curate: Curate, painted: Paint) -> None:
    years = enumerate(("2018", "2019"))
    photos = {f"{year}/{n}.png": painted(max(1, n - 1), seed=9 * k + n) for k, year in years for n in range(5)}
    identities = Dataset.open(curate(photos)).identities
    assert sorted(identities["references"]) == [2, 2, 6]
    assert all(name.startswith("person-") for name in identities.index)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ([], "holds no file that can be used"),
        ([()], r"no person in .* \(1 no_face\)"),
        ([(1,), (2,)], "no person in .* has two usable photos"),
    ],
)
def test_a_run_that_cannot_go_on_says_what_to_do(
    curate: Curate, painted: Paint, tmp_path: Path, people: list[tuple[int, ...]], message: str
) -> None:
    (tmp_path / "album").mkdir()
    with pytest.raises(UserError, match=message):
        curate({f"{n}.png": painted(*who) for n, who in enumerate(people)})
    assert not (tmp_path / "dataset").exists()
