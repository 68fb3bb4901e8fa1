"""No reference is its target's own picture: copies planted in a small cast, under the person's name and elsewhere.

Some are edited in several ways at once, some cropped through a face (benchmarks/copies.py tells how many escape).
"""

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from components.curation import step as curate
from components.curation.config import CurationConfig
from components.listing import LISTING
from components.photos import step as photos
from components.photos.config import PhotosConfig
from model.artefacts import read_json
from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs
from tests.cast import cast, unseen

Picture = Image.Image
TRUTH = Path("truth", "truth.json")


def resized(share: float) -> Callable[[Picture], Picture]:
    return lambda photo: photo.resize((round(photo.width * share), round(photo.height * share)))


def cropped(left: float, top: float, right: float, bottom: float) -> Callable[[Picture], Picture]:
    def crop(photo: Picture) -> Picture:
        width, height = photo.size
        return photo.crop((int(width * left), int(height * top), int(width * right), int(height * bottom)))

    return crop


COPIES: Mapping[str, tuple[Callable[[Picture], Picture], int]] = {  # what is done to the picture, the JPEG's quality
    "resized": (resized(0.6), 92),
    "small": (resized(0.4), 92),
    "cropped": (cropped(0.04, 0.03, 0.97, 1.0), 92),
    "cropped on the other side": (cropped(0.0, 0.05, 0.94, 1.0), 92),
    "mirrored": (ImageOps.mirror, 92),
    "recompressed": (lambda photo: photo, 35),
    "brighter": (lambda photo: ImageEnhance.Brightness(photo).enhance(1.25), 92),
    "darker": (lambda photo: ImageEnhance.Brightness(photo).enhance(0.7), 92),
    "turned": (lambda photo: photo.rotate(3, Image.Resampling.BICUBIC), 92),
    "stretched": (lambda photo: photo.resize((round(photo.width * 1.1), photo.height)), 92),
    "several at once": (lambda photo: ImageOps.mirror(resized(0.8)(cropped(0.03, 0.04, 0.95, 0.98)(photo))), 50),
    "through a face": (lambda photo: ImageOps.mirror(resized(0.8)(cropped(0.25, 0.05, 0.95, 0.8)(photo))), 50),
}


def album_of_two(album: Path) -> None:
    """The photos of the cast that show nobody but two of its people."""
    made = cast()
    shown = {photo["path"]: {face["person"] for face in photo["faces"]} for photo in read_json(made / TRUTH)["photos"]}
    two = set(sorted(set().union(*shown.values()))[:2])
    with open(made / "photos" / LISTING, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if shown[row["path"]] <= two]
    for row in rows:
        (album / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / "photos" / row["path"], album / row["path"])
    _write(album, rows)


def plant(album: Path) -> dict[str, str]:
    """Copies of every photo of the album beside it, named in its listing, and in a folder `elsewhere`, unlisted.

    The original of each photo's path.
    """
    with open(album / LISTING, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    original, named = {}, []
    for number, row in enumerate(rows):
        original[row["path"]] = row["path"]
        for turn, (name, (change, quality)) in enumerate(COPIES.items()):
            beside = (number + turn) % 2 == 0
            place = Path(row["path"]).with_suffix("") if beside else Path("elsewhere") / str(number)
            path = f"{place} {name}.jpg"
            (album / path).parent.mkdir(exist_ok=True)
            with Image.open(album / row["path"]) as photo:
                change(photo.convert("RGB")).save(album / path, quality=quality)
            original[path] = row["path"]
            named += [row | {"path": path}] if beside else []
    _write(album, [*rows, *named])
    return original


def _write(album: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with open(album / LISTING, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, str]]:
    folder = tmp_path_factory.mktemp("planted")
    album = folder / "album"
    album_of_two(album)
    original = plant(album)
    photos.run(photos=folder / "photos", config=PhotosConfig(folder=str(album)))
    config = CurationConfig(heldout_fraction=0.0, kinds=False, text="keep")  # copies alone
    with unseen(folder):
        curate.run(photos=folder / "photos", dataset=folder / "dataset", config=config)
    return Dataset.open(folder / "dataset"), original


def test_no_pair_links_a_copy_with_its_original_or_another_copy(planted: tuple[Dataset, dict[str, str]]) -> None:
    dataset, original = planted
    path = {face: str(dataset.images["path"][image]) for face, image in dataset.faces["image_id"].items()}
    pairs = [(path[t], path[r]) for t, references in dataset_pairs(dataset, "train").items() for r in references]
    assert pairs
    assert [(target, reference) for target, reference in pairs if original[target] == original[reference]] == []


def test_of_each_picture_one_is_kept_and_the_others_say_that_they_are_copies(
    planted: tuple[Dataset, dict[str, str]],
) -> None:
    dataset, original = planted
    kept = [original[path] for path in dataset.images["path"]]
    assert len(kept) < 1.5 * len(set(original.values())), "hardly more than one photo of each picture"
    gone = dataset.rejects.set_index("path")["reason"]
    assert set(gone) <= {"near_duplicate", "duplicate", "no_face", "small_faces"}
    assert (gone == "near_duplicate").mean() > 0.9
