"""Exporting: the published layout, the same bytes, nobody held out; and back again by the importer."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from components.curation.multiid.exporter import export_release
from components.curation.multiid.importer import import_release
from model.artefacts import folder_digest, read_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.npy import read_npy
from pipelines.cli import app
from tests.validation.datasets import Frame, edit, sound_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight people, three of them held out; one face of a train photo is a stranger's."""
    folder = sound_dataset(tmp_path_factory.mktemp("made") / "dataset")
    opened = Dataset.open(folder)
    stranger = opened.faces[(opened.faces["role"] == "target") & (opened.faces["identity"] == "p00")].index[0]

    def forget(faces: Frame) -> Frame:
        faces.loc[faces["face_id"] == stranger, ["identity", "role", "similarity"]] = [None, "unknown", None]
        return faces

    edit(folder, "faces", forget)
    photo = stranger.rpartition("-")[0]

    def count(images: Frame) -> Frame:
        images.loc[images["image_id"] == photo, "known"] = 1
        images["aesthetic"] = [5.25, *[None] * (len(images) - 1)]
        return images

    edit(folder, "images", count)
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def release(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "release"
    counts = export_release(dataset.folder, out, per_tar=4)
    assert counts == {"ref/tars": 15, "train_rec": 4, "train_cp": 3}
    return out


def members(release: Path, part: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in sorted((release / part).glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                file = tar.extractfile(info)
                assert file is not None
                found[info.name] = file.read()
    return found


def test_the_layout_is_the_published_one(dataset: Dataset, release: Path) -> None:
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    tars = {f"ref/tars/re_{number:06d}.tar" for number in range(4)}
    assert files == tars | {
        "ref/cluster_centers.tar",
        "train_rec/re_000000.tar",
        "train_cp/re_000000.tar",
        "release.json",
    }
    with tarfile.open(release / "ref/cluster_centers.tar") as tar:
        assert tar.getnames() == [f"{number}.npy" for number in range(1, 6)]
        file = tar.extractfile("2.npy")
        assert file is not None
        centre = np.load(io.BytesIO(file.read()), allow_pickle=False)
    assert centre.dtype == np.float32
    assert np.allclose(centre, dataset.centres[1])
    first = next(data for name, data in members(release, "train_rec").items() if name.endswith(".npy"))
    assert pickle.dumps(np.zeros(1))  # the body is a pickle, as the published loader expects
    assert b"descr': '|O'" in first
    assert read_npy(first)["embeddings"].shape == (2, 16)


def test_the_aesthetic_score_is_there_where_it_was_measured(dataset: Dataset, release: Path) -> None:
    scored = str(dataset.images.index[0])
    assert dataset.images["split"][scored] == "train"
    parts = (members(release, part) for part in ("ref/tars", "train_rec"))
    said = {name: json.loads(data) for part in parts for name, data in part.items() if name.endswith(".json")}
    scores = {name.split("/")[-1]: one["aesthetics_score"] for name, one in said.items() if "aesthetics_score" in one}
    assert scores == {f"{scored}.json": 5.25}


def test_nobody_held_out_is_exported(dataset: Dataset, release: Path) -> None:
    held = set(dataset.images.index[dataset.images["split"] != "train"])
    keys = {name.split("/")[-1].split(".")[0] for part in ("ref/tars", "train_rec") for name in members(release, part)}
    assert held
    assert not held & keys
    assert {name.split("/")[0] for name in members(release, "ref/tars")} == {str(number) for number in range(1, 6)}


def test_the_same_dataset_gives_the_same_bytes(
    dataset: Dataset, release: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        export_release(dataset.folder, tmp_path / "again", per_tar=4)
    # Also of the part that fills its last tar.
    ends = [f"{part}: {count} done" for part, count in (("tars", 15), ("train_rec", 4), ("train_cp", 3))]
    assert [message.partition(" in ")[0] for message in caplog.messages] == ends
    assert folder_digest(tmp_path / "again") == folder_digest(release)
    with pytest.raises(UserError, match="is there already"):
        export_release(dataset.folder, tmp_path / "again")


def test_what_was_exported_comes_back(dataset: Dataset, release: Path, tmp_path: Path) -> None:
    counts = import_release(release, tmp_path / "photos")
    assert counts == {"photos": 19, "duplicate": 3}
    numbers = {str(number): name for number, name in enumerate(sorted(dataset.identities.index), 1)}
    seen = set()
    for photo in read_json(tmp_path / "photos/truth.json")["photos"]:
        image_id = photo["key"].split("/")[-1]
        seen.add(image_id)
        assert (tmp_path / "photos" / photo["path"]).read_bytes() == dataset.sample(image_id).jpg
        faces = dataset.faces_of(image_id)
        assert [numbers.get(face["person"]) for face in photo["faces"]] == [
            name if isinstance(name, str) else None for name in faces["identity"]
        ]
        boxes = np.array([face["box"] for face in photo["faces"]])
        assert np.abs(boxes - np.stack(faces["box"].to_list())).max() <= 0.005
    assert seen == set(dataset.images.index[dataset.images["split"] == "train"])
    text = (tmp_path / "photos/photos.csv").read_text()
    assert text.count("CC0-1.0") == 19
    assert text.count("synthetic") == 19


def test_a_dataset_is_not_exported_into_itself(dataset: Dataset) -> None:
    with pytest.raises(UserError, match=r"lies in the dataset .*, which would change: give one outside of it"):
        export_release(dataset.folder, dataset.folder / "release")
    assert not (dataset.folder / "release").exists()


def test_the_commands_do_both(dataset: Dataset, tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["export-multiid", str(dataset.folder), "--out", str(tmp_path / "release")])
    assert (done.exit_code, done.output.strip().endswith("ref/tars 15, train_rec 4, train_cp 3")) == (0, True)
    done = runner.invoke(app, ["import-multiid", str(tmp_path / "release"), "--out", str(tmp_path / "photos")])
    assert (done.exit_code, done.output.strip().endswith("photos 19, duplicate 3")) == (0, True)
