"""A forgotten person: gone from the next version and from what is kept, known again by face, named nowhere."""

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.curation import step
from components.curation.config import CurationConfig
from components.curation.forget import forget
from components.curation.forgotten import Forgotten
from components.files import ID_DIGITS
from components.listing import warn_once
from components.photos.config import PhotosConfig
from components.photos.step import run as bring
from components.tombstones import FORGOTTEN, name_digest
from model.artefacts import cache_folder
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.training.feature_files import FEATURES, feature_file
from tests.components.photos.urls.loopback import Page, serving

Curate = Callable[..., Path]
Paint = Callable[..., bytes]
Photos = dict[str, bytes]
CONFIG = CurationConfig(photos_per_shard=3)


@pytest.fixture
def album(painted: Paint) -> Photos:
    """Anna, Bea and Cem, three photos each, two scenes, and a broken file of Anna's."""
    photos = {
        f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate(["Anna", "Bea", "Cem"], 1) for n in range(3)
    }
    return photos | {"x.png": painted(1, 2, seed=9), "y.png": painted(2, 3, seed=9), "Anna/broken.png": b"no picture"}


def anna(dataset: Dataset) -> float:
    """The greatest cosine of a face in the dataset to the direction in which the stand-in puts Anna."""
    raw = dataset.embeddings
    return float((raw[:, 1] / np.linalg.norm(raw, axis=1)).max())


def test_nothing_of_the_person_is_left(curate: Curate, album: Photos, tmp_path: Path) -> None:
    folder = curate(album, config=CONFIG)
    before = {shard["name"]: shard["sha256"] for shard in Dataset.open(folder).manifest["shards"]}
    assert anna(Dataset.open(folder)) > 0.8
    done = forget("Anna", tmp_path / "album", folder)
    dataset = Dataset.open(folder)
    assert (done.photos, len(done.files)) == (5, 5)
    assert done.nearest == pytest.approx(anna(dataset), abs=0.1)
    assert done.nearest is not None
    assert done.limit is not None
    assert done.nearest < done.limit
    assert not any(b"Anna" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert list(dataset.identities.index) == ["Bea", "Cem"]
    after = {shard["name"]: shard["sha256"] for shard in dataset.manifest["shards"]}
    assert after["references/part-00001.tar"] == before["references/part-00001.tar"]
    assert after["references/part-00002.tar"] == before["references/part-00002.tar"]
    assert "references/part-00000.tar" not in after
    for part in (tmp_path / "cache" / "copies").rglob("*.parquet"):
        # digests, places among a person's photos, and how edited these look
        assert pq.read_schema(part).names == ["key", "same", "unnatural"]
    for part in (tmp_path / "cache" / "work").rglob("*.parquet"):
        for vector in pq.read_table(part)["embedding"].to_pylist():
            faces = np.array(vector or [], np.float32).reshape(-1, 128)
            assert (faces[:, 1] < 0.4 * np.linalg.norm(faces, axis=1)).all()


def held_out(dataset: Path) -> list[str]:
    people = Dataset.open(dataset).identities
    return sorted(people.index[people["split"] == "heldout"])


def test_who_is_held_out_stays_so(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    del album["Bea/2.png"], album["y.png"]  # without Anna she would be the rarest, in the smallest circle
    folder = curate(album, config=CONFIG)
    assert held_out(folder) == ["Cem"]
    forget("Anna", tmp_path / "album", folder)
    assert list(Dataset.open(folder).identities.index) == ["Bea", "Cem"]
    assert held_out(folder) == ["Cem"]
    assert "held out" not in caplog.text
    later = {f"Dan/{n}.png": painted(4, seed=n) for n in range(4)}
    curate(album | later, config=CONFIG.model_copy(update={"previous": str(folder)}))
    forget("Cem", tmp_path / "album", folder)
    assert held_out(folder) == ["Bea"]
    assert "nobody whom the version before held out is left in the photos" in caplog.text


def test_another_cache_lets_go_of_the_person_with_the_next_version(
    curate: Curate, album: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("WITHANYONE_CACHE", str(tmp_path / "other"))  # as a container or another machine has it
        images = Dataset.open(curate(album, "elsewhere", config=CONFIG)).images.index
        files = [feature_file(cache_folder(FEATURES), str(image), "0") for image in images]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    forget("Anna", tmp_path / "album", curate(album, config=CONFIG))
    assert all(file.exists() for file in files)
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "other"))
    left = set(Dataset.open(curate(album, "elsewhere", config=CONFIG)).images.index)
    assert {file.name[:ID_DIGITS] for file in files if file.exists()} == left < set(images)


def test_photos_that_come_later_are_known_by_the_face(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path
) -> None:
    forget("Anna", tmp_path / "album", curate(album, config=CONFIG))
    later = {"Zoe/1.png": painted(1, seed=30), "Zoe/2.png": painted(1, seed=31), "z.png": painted(3, 1, seed=32)}
    dataset = Dataset.open(curate(album | later, config=CONFIG))
    assert list(dataset.identities.index) == ["Bea", "Cem"]
    assert (dataset.rejects["reason"] == "forgotten").sum() == 5 + 3
    assert anna(dataset) < 0.4


def test_the_name_may_be_spelled_as_people_do(curate: Curate, album: Photos, tmp_path: Path) -> None:
    folder = curate({path.replace("Anna", "Ann\N{LATIN SMALL LETTER E WITH ACUTE}"): album[path] for path in album})
    done = forget(" ANNE\N{COMBINING ACUTE ACCENT} ", tmp_path / "album", folder)
    assert done.photos == 5
    assert list(Dataset.open(folder).identities.index) == ["Bea", "Cem"]
    assert len(Forgotten.read(tmp_path / "album").people[0].centre) == 128


def test_who_is_named_in_the_photos_alone_is_forgotten_by_face_too(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path
) -> None:
    album |= {"Dan/1.png": painted(4, seed=1), "z.png": painted(2, 4, seed=9)}
    folder = curate(album, config=CONFIG)
    assert list(Dataset.open(folder).identities.index) == ["Anna", "Bea", "Cem"]
    done = forget("dan", tmp_path / "album", folder)
    assert sorted(file.name for file in done.files) == ["1.png", "z.png"]
    assert done.nearest is not None
    assert done.limit is not None
    assert done.nearest < done.limit
    later = {f"Zoe/{n}.png": painted(4, seed=n) for n in range(20, 23)}
    assert list(Dataset.open(curate(album | later, config=CONFIG)).identities.index) == ["Anna", "Bea", "Cem"]


@pytest.mark.parametrize("faces", [(1,), (4, 5)])
def test_a_name_over_faces_of_others_takes_its_own_photos_alone(
    faces: tuple[int, ...], curate: Curate, album: Photos, painted: Paint, tmp_path: Path
) -> None:
    album |= {f"Dan/{n}.png": painted(face, seed=40 + n) for n, face in enumerate(faces)}
    album["nobody.png"] = painted(seed=50)
    folder = curate(album, config=CONFIG)
    done = forget("Dan", tmp_path / "album", folder)
    assert {file.parent.name for file in done.files} == {"Dan"}
    assert done.nearest is None
    assert list(Dataset.open(folder).identities.index) == ["Anna", "Bea", "Cem"]


def test_where_nobody_is_left_the_version_to_delete_is_named(curate: Curate, painted: Paint, tmp_path: Path) -> None:
    folder = curate({f"Anna/{n}.png": painted(1, seed=n) for n in range(3)}, config=CONFIG)
    with pytest.raises(UserError, match=f"delete {folder}, which still holds them"):
        forget("Anna", tmp_path / "album", folder)
    assert Forgotten.read(tmp_path / "album").named("a.png", "anna")


def test_faces_that_another_recogniser_took_are_told_to_be_of_no_use(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forget("Anna", tmp_path / "album", curate(album, config=CONFIG))
    stones = Forgotten.read(tmp_path / "album")
    assert "another recogniser" not in caplog.text
    other = tuple(stone.model_copy(update={"recogniser": "1"}) for stone in stones.people)
    Forgotten(people=other).write(tmp_path / "album")
    later = {f"Zoe/{n}.png": painted(1, seed=n) for n in range(20, 23)}
    assert "Zoe" in Dataset.open(curate(album | later, config=CONFIG)).identities.index
    assert "the faces of 1 forgotten people were taken by another recogniser" in caplog.text


def test_who_leaves_a_second_dataset_of_other_networks_stays_out_of_the_first(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def networks(digest: str) -> None:
        monkeypatch.setattr(step, "recogniser", lambda config: {"name": "reader", "digest": digest})

    first = curate(album, "first", config=CONFIG)
    networks("1")
    second = curate(album, "second", config=CONFIG)
    networks("0")
    forget("Anna", tmp_path / "album", first)
    networks("1")
    forget("Anna", tmp_path / "album", second)
    later = {f"Zoe/{n}.png": painted(1, seed=n) for n in range(20, 23)}
    for digest in "01":
        networks(digest)
        assert list(Dataset.open(curate(album | later, f"next {digest}", config=CONFIG)).identities.index) == [
            "Bea",
            "Cem",
        ]


def test_it_may_be_said_twice(curate: Curate, album: Photos, tmp_path: Path) -> None:
    folder = curate(album, config=CONFIG)
    first = forget("Anna", tmp_path / "album", folder)
    assert forget("  ANNA", tmp_path / "album", folder) == first
    assert len(Forgotten.read(tmp_path / "album").people) == 1
    forget("Bea", tmp_path / "album", folder)
    assert len(Forgotten.read(tmp_path / "album").people) == 2


def test_a_stranger_is_refused_and_nothing_is_written(curate: Curate, album: Photos, tmp_path: Path) -> None:
    folder = curate(album, config=CONFIG)
    with pytest.raises(UserError, match="person 'Dora' is not in the dataset"):
        forget("Dora", tmp_path / "album", folder)
    assert not (tmp_path / "album" / FORGOTTEN).exists()


def test_photos_of_another_dataset_do_not_replace_this_one(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path
) -> None:
    folder = curate(album, config=CONFIG)
    others = {f"{name}/{n}.png": painted(k, seed=40 + n) for k, name in enumerate(["Dan", "Eve"], 5) for n in range(3)}
    for path, data in others.items():
        (tmp_path / "others" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "others" / path).write_bytes(data)
    with pytest.raises(UserError, match=f"none of the photos in {tmp_path}/others is in the dataset {folder}"):
        forget("Anna", tmp_path / "others", folder)
    assert list(Dataset.open(folder).identities.index) == ["Anna", "Bea", "Cem"]
    assert not (tmp_path / "others" / FORGOTTEN).exists()


def test_the_output_of_the_step_photos_is_no_folder_of_photos(curate: Curate, album: Photos, tmp_path: Path) -> None:
    folder = curate(album, config=CONFIG)
    with pytest.raises(UserError, match=f"give the folder of the photos, {tmp_path}/album"):
        forget("Anna", tmp_path / "photos", folder)
    assert not (tmp_path / "photos" / FORGOTTEN).exists()


def test_a_stop_before_the_new_version_is_made_up_for(
    curate: Curate, album: Photos, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = curate(album, config=CONFIG)

    def stops(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("components.curation.forget.bring", stops)
        with pytest.raises(KeyboardInterrupt):
            forget("Anna", tmp_path / "album", folder)
    assert list(Dataset.open(folder).identities.index) == ["Anna", "Bea", "Cem"]
    forget("Anna", tmp_path / "album", folder)
    assert list(Dataset.open(folder).identities.index) == ["Bea", "Cem"]


def test_a_stop_before_a_photo_that_left_the_folder_is_forgotten_is_made_up_for(
    curate: Curate, album: Photos, painted: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = painted(1, seed=40)
    image = hashlib.sha256(left).hexdigest()[:ID_DIGITS]
    curate(album | {"z.png": left}, config=CONFIG)
    folder = curate(album, config=CONFIG)
    features = feature_file(cache_folder(FEATURES), image, "0")
    features.parent.mkdir(parents=True, exist_ok=True)
    features.touch()

    def stops(photos: Collection[str]) -> None:
        if image in photos:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("components.curation.forget.drop_answers", stops)
        with pytest.raises(KeyboardInterrupt):
            forget("Anna", tmp_path / "album", folder)
    forget("Anna", tmp_path / "album", folder)
    assert not features.exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"people": [{}]}', b'{"folk": []}'])
def test_tombstones_that_cannot_be_read_stop_curation(
    curate: Curate, album: Photos, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(UserError, match=r"forgotten\.json cannot be read .* bring it back"):
        curate(album | {FORGOTTEN: content})


def test_a_name_is_known_however_it_is_written() -> None:
    assert len({name_digest(name) for name in ("Zoë  Ax", "zoë ax", "Zoe\u0308 Ax ")}) == 1


def test_downloaded_photos_know_who_is_forgotten_when_they_are_downloaded_again(
    reader: Any, painted: Paint, tmp_path: Path
) -> None:
    album = {f"{name}{n}": painted(k, seed=n) for k, name in enumerate(["Anna", "Bea", "Cem"], 1) for n in range(3)}
    album |= {f"Zoe{n}": painted(1, seed=20 + n) for n in range(2)}
    config = CurationConfig(photos_per_shard=3, kinds=False, text="keep")
    photos, dataset, place = tmp_path / "photos", tmp_path / "dataset", tmp_path / "list.csv"

    def people(*left_out: str) -> list[str]:
        with serving() as site:
            site.pages = {f"/{name}": Page(data) for name, data in album.items()}
            rows = [f"{site.root}/{name},{name[:-1]}" for name in album if name[:-1] not in left_out]
            place.write_text("\n".join(["url,person", *rows]))
            bring(photos=photos, config=PhotosConfig(urls=str(place), allow_private=True))
        step.run(photos=photos, dataset=dataset, config=config)
        return list(Dataset.open(dataset).identities.index)

    assert people("Zoe") == ["Anna", "Bea", "Cem"]
    forget("Anna", photos / "photos", dataset)
    assert people("Anna") == ["Bea", "Cem"]
    assert people() == ["Bea", "Cem"]
    forget("Bea", photos / "photos", dataset)
    assert len(Forgotten.read(tmp_path).people) == 2
    (tmp_path / FORGOTTEN).write_bytes(b"{")
    with pytest.raises(UserError, match=r"forgotten\.json cannot be read"):
        people()


def test_what_is_odd_about_the_list_is_said_once(
    curate: Curate, album: Photos, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listed = "".join(f"{path},{path.partition('/')[0]},x\n" for path in album if "/" in path)
    folder = curate(album | {"photos.csv": f"path,person,mood\n{listed}".encode()}, config=CONFIG)
    caplog.clear()
    warn_once.cache_clear()  # the curation above was of another process
    forget("Anna", tmp_path / "album", folder)
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if line.endswith(": 2 files")]) == 1
    assert len([line for line in said if "the columns mood are not used" in line]) == 1
