"""Of copies of a picture the one is kept that nobody worked on, and the largest of such: in the bank and of groups."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from components.curation.album import Album, Photo
from components.curation.bank import build_bank
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.items import Item
from components.curation.labels import Labels, drop_duplicates
from components.curation.measures import grey_of, sharpness
from model.faces.geometry import TEMPLATE, align
from tests.components.curation.faces import found_of

SIDE = 240  # pixels of the photo; the face fills the middle half
Picture = Image.Image


def scene(seed: int) -> Picture:
    """A picture with details of all sizes, the smaller the fainter, as photographs have them."""
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    waves[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).normal(size=(SIDE, SIDE))) / waves**1.55).real
    grey = np.clip(128 + 20 * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(9).normal(0, 6, (picture.height, picture.width, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def dithered(picture: Picture) -> Picture:
    return picture.quantize(palette=picture.quantize(16), dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


def sharpened(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.UnsharpMask(2, 150, 3))


def blurred(picture: Picture) -> Picture:
    return picture.filter(ImageFilter.GaussianBlur(1.5))


def pressed(picture: Picture) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=20)
    return Image.open(buffer).convert("RGB")


def smaller(picture: Picture) -> Picture:
    return picture.resize((SIDE // 2, SIDE // 2), Image.Resampling.LANCZOS)


def photos_of_one(pictures: list[Picture]) -> Found:
    """One face of the same person in the middle of each of the pictures."""
    found = found_of(list(range(len(pictures))), np.ones((len(pictures), 8)))
    photos, boxes, landmarks, sharp = [], [], [], []
    for number, picture in enumerate(pictures):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=95)
        quarter = picture.width / 4
        points = TEMPLATE / 112 * 2 * quarter + quarter
        photos.append(Photo(Item(f"{number}", "Ada", "csv"), f"{number}", *picture.size, 1, 1, 0, 0, buffer.getvalue))
        boxes.append([quarter, quarter, 3 * quarter, 3 * quarter])
        landmarks.append(points.ravel())
        sharp.append(sharpness(align(grey_of(np.asarray(picture)), points)))
    box, marks, measured = (np.array(rows, np.float32) for rows in (boxes, landmarks, sharp))
    return replace(found, photos=Album.over(photos), box=box, landmarks=marks, sharpness=measured)


def kept(pictures: list[Picture], folder: Path) -> list[int]:
    """Which of the pictures the bank keeps."""
    found = photos_of_one(pictures)
    bank, rejects = build_bank(found, np.ones(len(pictures), np.bool_), CurationConfig(), folder)
    stays = np.flatnonzero(bank.member == 0).tolist()
    named = {f"it is a copy of {place}" for place in stays}
    assert {(reject.reason, reject.detail) for reject in rejects} <= {("near_duplicate", detail) for detail in named}
    return stays


def groups_left(pictures: list[Picture], folder: Path, known: int = 2) -> list[str]:
    """Which of the pictures stay where each is a group photo of two people, who are known but for those after `known`.

    Only the last picture shows somebody who is not known.
    """
    count, halves = len(pictures), photos_of_one([half for picture in pictures for half in parts(picture)])
    photos = photos_of_one(pictures).photos
    shift = np.array([[0, 0], [1, 0]] * count) * np.repeat([[picture.width / 2] for picture in pictures], 2, 0)
    found = replace(
        halves,
        photos=photos,
        photo=np.repeat(np.arange(count), 2),
        box=halves.box + np.tile(shift, 2).astype("f4"),
        landmarks=halves.landmarks + np.tile(shift, 5).astype("f4"),
        embedding=found_of([0] * 2 * count, np.tile(np.eye(8)[:2], (count, 1))).embedding,
    )
    identity = np.tile([0, 1], count)
    identity[len(identity) - 2 + known :] = -1
    labels = Labels(found, ["a", "b"], np.eye(8, dtype="f4")[:2], identity, np.zeros(2 * count, np.bool_))
    left, rejects = drop_duplicates(labels, np.zeros(count, np.bool_), folder)
    stays = [photo.item.path for photo in left.found.photos]
    assert {reject.detail for reject in rejects} <= {f"it is a copy of {path}" for path in stays}
    return stays


def parts(picture: Picture) -> list[Picture]:
    half = picture.width // 2
    return [picture.crop((left, 0, left + half, picture.height)) for left in (0, half)]


def pair_of(seed: int) -> Picture:
    picture = Image.new("RGB", (2 * SIDE, SIDE))
    picture.paste(scene(seed), (0, 0))
    picture.paste(scene(seed + 50), (SIDE, 0))
    return picture


@pytest.mark.parametrize("edit", [noisy, dithered, sharpened, blurred, pressed])
@pytest.mark.parametrize("first", [True, False])
def test_of_group_photos_the_original_is_kept(edit: Callable[[Picture], Picture], first: bool, tmp_path: Path) -> None:
    original = pair_of(1)
    pictures = [original, edit(original)] if first else [edit(original), original]
    assert groups_left(pictures, tmp_path) == ["0" if first else "1"]


def test_a_group_photo_of_more_known_people_is_kept_whatever_was_done_to_it(tmp_path: Path) -> None:
    original = pair_of(2)
    assert groups_left([noisy(original), original], tmp_path / "all") == ["1"]
    assert groups_left([noisy(original), original], tmp_path / "one", known=1) == ["0"]


@pytest.mark.parametrize("edit", [noisy, dithered, sharpened, blurred, pressed, smaller])
@pytest.mark.parametrize("first", [True, False])
def test_the_original_is_kept_and_not_its_copy(edit: Callable[[Picture], Picture], first: bool, tmp_path: Path) -> None:
    for seed in range(3):
        original = scene(seed)
        pictures = [original, edit(original)] if first else [edit(original), original]
        assert kept(pictures, tmp_path / str(seed)) == [0 if first else 1]


def test_the_original_is_kept_among_many_copies_and_they_are_looked_at_once(tmp_path: Path) -> None:
    original = scene(1)
    pictures = [*(edit(original) for edit in (noisy, sharpened, smaller, blurred, pressed)), original]
    assert kept(pictures, tmp_path) == [5]
    assert kept(pictures, tmp_path) == [5], "what is known of photos says so, too"
    found = photos_of_one(pictures)

    def gone() -> bytes:
        raise AssertionError

    unread = replace(found, photos=Album.over([replace(photo, whole=gone) for photo in found.photos]))
    bank, _ = build_bank(unread, np.ones(6, np.bool_), CurationConfig(), tmp_path)
    assert bank.member.tolist() == [-1, -1, -1, -1, -1, 0]


def test_a_small_clean_photo_beats_a_larger_noisy_copy(tmp_path: Path) -> None:
    original = scene(2)
    larger = noisy(original.resize((SIDE * 5 // 4, SIDE * 5 // 4), Image.Resampling.LANCZOS))
    assert kept([larger, original], tmp_path) == [1]
