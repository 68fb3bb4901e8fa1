"""Photos cut out of a cast's group photos and edited are not paired with these, but for a few; see the README."""

import csv
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from components.curation import step as curate
from components.curation.config import CurationConfig
from components.photos import step as photos
from components.photos.config import PhotosConfig
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs
from tests.cast import cast, unseen

Picture = Image.Image
Edit = Callable[[Picture], Picture]
EVEN = (0.5, 0.5, 0.5, 0.5)  # what is left around the face, in its smaller sides: left, top, right, bottom


def resized(across: float, down: float) -> Edit:
    return lambda cut: cut.resize((round(cut.width * across), round(cut.height * down)))


def turned(degrees: float) -> Edit:
    return lambda cut: cut.rotate(degrees, Image.Resampling.BICUBIC)


def unchanged(cut: Picture) -> Picture:
    return cut


CUTS: dict[str, tuple[tuple[float, ...], Edit, int]] = {  # what is left, what is done to it, the JPEG's quality
    "plain": (EVEN, unchanged, 92),
    "tight": ((0.12,) * 4, unchanged, 92),
    "loose": ((1.0,) * 4, unchanged, 92),
    "without a forehead": ((0.5, -0.2, 0.5, 0.5), unchanged, 92),
    "without a chin": ((0.5, 0.5, 0.5, -0.15), unchanged, 92),
    "without a cheek": ((-0.15, 0.5, 0.5, 0.5), unchanged, 92),
    "enlarged": (EVEN, resized(3, 3), 92),
    "shrunk": (EVEN, resized(0.6, 0.6), 92),
    "recompressed": (EVEN, unchanged, 15),
    "mirrored": (EVEN, ImageOps.mirror, 92),
    "brighter": (EVEN, lambda cut: ImageEnhance.Brightness(cut).enhance(1.3), 92),
    "darker": (EVEN, lambda cut: ImageEnhance.Brightness(cut).enhance(0.6), 92),
    "contrast": (EVEN, lambda cut: ImageEnhance.Contrast(cut).enhance(1.5), 92),
    "grey": (EVEN, lambda cut: cut.convert("L").convert("RGB"), 92),
    "turned": (EVEN, turned(5), 92),
    "stretched": (EVEN, resized(1.1, 1), 92),
    "framed": (EVEN, lambda cut: ImageOps.expand(cut, cut.width // 10, "white"), 92),
    "sharpened": (EVEN, lambda cut: cut.filter(ImageFilter.UnsharpMask(2, 150)), 92),
    "blurred": (EVEN, lambda cut: cut.filter(ImageFilter.GaussianBlur(1.5)), 92),
    "stretched and recompressed": (EVEN, resized(1.1, 1), 30),
    "turned and mirrored": (EVEN, lambda cut: ImageOps.mirror(turned(3)(cut)), 92),
    "without a cheek and enlarged": ((-0.15, 0.5, 0.5, 0.5), resized(2, 2), 92),
}


def cut_out(photo: Picture, box: Iterable[float], around: Iterable[float]) -> Picture:
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    more = [share * side for share in around]
    rim = (max(left - more[0], 0), max(top - more[1], 0))
    return photo.crop((*rim, min(right + more[2], photo.width), min(bottom + more[3], photo.height)))


def plant(album: Path, truth: Path) -> dict[str, tuple[str, str]]:
    """Cut the faces out of the album's group photos, each in one way; the photo and the way of each by its path."""
    with open(album / "photos.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    about = {row["path"]: row for row in rows}
    groups = [photo for photo in read_json(truth)["photos"] if len(photo["faces"]) > 1]
    faces = [(photo["path"], face) for photo in groups for face in photo["faces"]]
    planted = {}
    for number, (way, (around, edit, quality)) in enumerate(CUTS.items()):
        for path, face in faces[number :: len(CUTS)]:
            copy = f"{Path(path).stem} {face['person']} {way}.jpg"
            with Image.open(album / path) as photo:
                edit(cut_out(photo.convert("RGB"), face["box"], around)).save(album / copy, quality=quality)
            rows.append(about[path] | {"path": copy, "person": face["person"]})
            planted[copy] = path, way
    with open(album / "photos.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return planted


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, tuple[str, str]]]:
    folder = tmp_path_factory.mktemp("cut_out")
    shutil.copytree(cast(), folder / "cast")
    planted = plant(folder / "cast" / "photos", folder / "cast" / "truth" / "truth.json")
    photos.run(photos=folder / "photos", config=PhotosConfig(folder=str(folder / "cast" / "photos")))
    config = CurationConfig(heldout_fraction=0.0, kinds=False, text="keep")  # copies alone
    with unseen(folder):
        curate.run(photos=folder / "photos", dataset=folder / "dataset", config=config)
    return Dataset.open(folder / "dataset"), planted


def test_photos_are_not_paired_with_what_was_cut_out_of_them(
    curated: tuple[Dataset, dict[str, tuple[str, str]]],
) -> None:
    dataset, planted = curated
    path = {face: str(dataset.images["path"][image]) for face, image in dataset.faces["image_id"].items()}
    pairs = {(path[t], path[r]) for t, references in dataset_pairs(dataset, "train").items() for r in references}
    assert {way for _, way in planted.values()} == set(CUTS)
    escaped = [(way, copy) for copy, (photo, way) in planted.items() if (photo, copy) in pairs]
    assert len(escaped) <= 0.01 * len(planted), escaped


def test_group_photos_and_some_of_what_was_cut_out_of_them_stay(
    curated: tuple[Dataset, dict[str, tuple[str, str]]],
) -> None:
    dataset, planted = curated
    kept = set(dataset.images["path"])
    assert kept & {photo for photo, _ in planted.values()}
    assert set(planted) & kept, "else the photos above would be paired with nothing"
