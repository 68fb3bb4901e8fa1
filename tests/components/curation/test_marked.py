"""What becomes of photos with text and of other kinds of pictures, on small pictures drawn here."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from components.curation.album import Album
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.kinds import measures
from components.curation.marked import drop_marked, judge_text, kind_of
from components.curation.text import TextReader
from tests.components.curation.faces import found_of

Pixels = NDArray[np.uint8]
FACES = np.array([[60.0, 90.0, 120.0, 160.0], [280.0, 90.0, 340.0, 160.0]])


def photo(seed: int = 0, width: int = 400, height: int = 300) -> Pixels:
    """Soft blobs with noise: like a photograph, there is something everywhere."""
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(20, 235, (6, 8, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.clip(np.asarray(blobs) + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def written(text: str, at: tuple[int, int], size: int = 30) -> Pixels:
    picture = Image.fromarray(photo() // 2)
    ImageDraw.Draw(picture).text(at, text, "white", ImageFont.load_default(size))
    return np.asarray(picture)


def page() -> Pixels:
    picture = Image.new("RGB", (400, 300), (250, 250, 250))
    picture.paste(Image.fromarray(photo(1, 200, 120)), (20, 60))
    ImageDraw.Draw(picture).rectangle((0, 0, 400, 40), (60, 90, 170))
    return np.asarray(picture)


def sketch() -> Pixels:
    picture = Image.new("RGB", (400, 300), "white")
    pen = ImageDraw.Draw(picture)
    for x in range(60, 340, 12):
        pen.ellipse((x, 60, x + 60, 200), outline=(90, 90, 90))
    return np.asarray(picture)


def posterised() -> Pixels:
    return (np.round(photo(3, 80, 60).repeat(5, 0).repeat(5, 1) / 255 * 5) / 5 * 255).astype(np.uint8)


def studio() -> Pixels:
    """Somebody in front of pure white."""
    rows, columns = np.mgrid[:300, :400]
    return np.where(np.hypot(rows - 200, columns - 200)[..., None] < 110, photo(2), 255).astype(np.uint8)


def collage(gap: int) -> Pixels:
    return np.hstack([photo(1, 200), np.full((300, gap, 3), 255, np.uint8), 255 - photo(1, 200)])


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (photo(), None),
        (photo(7), None),
        (studio(), None),
        (posterised(), "drawing"),
        (page(), "screenshot"),
        (sketch(), "drawing"),
        (collage(0), "collage"),
        (collage(8), "collage"),
    ],
)
def test_kinds_of_pictures(picture: Pixels, kind: str | None) -> None:
    verdict = kind_of(measures(picture), FACES)
    assert (verdict and verdict[0]) == kind


def doorway(lean: float) -> Pixels:
    """A wall beside a dark doorway, whose edge moves by `lean` pixels from top to bottom."""
    rows, columns = np.mgrid[:300, :400]
    wall = np.clip(columns - 150 - lean * rows / 300, 0, 1)[..., None]
    return (wall * (photo(2) // 3 + 150) + (1 - wall) * (photo(4) // 3)).astype(np.uint8)


def shelves() -> Pixels:
    """Level boards with books of unequal height and colour upon each."""
    rng = np.random.default_rng(0)
    picture = photo(2) // 4
    for board in (100, 200, 300):
        for left in range(0, 400, 20):
            picture[board - int(rng.integers(50, 80)) : board, left : left + 18] = rng.integers(60, 255, 3)
        picture[board - 6 : board] = 20
    return picture


def grid(gap: int) -> Pixels:
    """Two rows of two cells, cut at different places."""
    line = np.full((gap, 400, 3), 255, np.uint8)
    upper = np.hstack([photo(1, 150, 140), photo(2, 250, 140) // 2])
    return np.vstack([upper, line, np.hstack([photo(3, 230, 160) // 3, photo(4, 170, 160)])])


def stack(height: int, gap: int = 0) -> Pixels:
    """Two pictures one above the other, the upper one of this height."""
    border = np.full((gap, 400, 3), 255, np.uint8)
    return np.vstack([photo(1, 400, height), border, photo(2, 400, 300 - height - gap) // 3])


def pile(gap: int) -> Pixels:
    """Three pictures one above the other."""
    border = np.full((gap, 400, 3), 255, np.uint8)
    return np.vstack([photo(1, 400, 110) // 2, border, photo(2, 400, 90), border, 255 - photo(3, 400, 100) // 3])


def film() -> Pixels:
    """A wide picture between two black bars."""
    return np.vstack([np.full((45, 400, 3), 2, np.uint8), photo(2, 400, 210), np.full((45, 400, 3), 2, np.uint8)])


def rail() -> Pixels:
    """A beam before a scene."""
    picture = photo(2)
    picture[130:160] = photo(4, 400, 30) // 5
    return picture


def horizon() -> Pixels:
    """A level edge between sky and sea, and somebody before it."""
    picture = stack(150)
    picture[100:, 80:220] = photo(5, 140, 200)
    return picture


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (collage(0), "collage"),
        (collage(8), "collage"),
        (grid(0), "collage"),
        (grid(8), "collage"),
        (doorway(0), "collage"),  # a plumb edge from rim to rim, with nobody before it, cannot be told apart
        (doorway(6), None),
        (shelves(), None),
        (stack(150), "collage"),
        (stack(200, 12), "collage"),
        (stack(50), None),  # a strip of sky
        (pile(0), "collage"),
        (pile(8), "collage"),
        (film(), None),
        (rail(), None),
        (horizon(), None),
    ],
)
def test_collages_whose_faces_are_in_one_cell(picture: Pixels, kind: str | None) -> None:
    verdict = kind_of(measures(picture), np.array([[20.0, 20, 60, 70]]))
    assert (verdict and verdict[0]) == kind


def laid_on(left: int = 300, top: int = 8, right: int = 390) -> Pixels:
    """A small picture in a corner of another."""
    picture = photo(2) // 2
    picture[top : top + 80, left:right] = 255 - photo(5, right - left, 80) // 3
    return picture


def before_a_window(window: Pixels, *people: tuple[int, int]) -> Pixels:
    """People, from which to which column, before a bright window, whose shoulders cover its sill."""
    picture = window.copy()
    for start, end in people:
        picture[50:, start:end] = photo(6, end - start, 250)
    return picture


def panes(window: Pixels) -> Pixels:
    """The upper pane of a window whose frame runs on."""
    picture = window.copy()
    picture[80:200, 300:390] = 20
    return picture


IN_THE_CORNER = laid_on(300, 0, 400)


@pytest.mark.parametrize(
    ("picture", "face", "kind"),
    [
        (laid_on(), (320, 20, 370, 75), "collage"),
        (laid_on(top=0), (320, 20, 370, 75), "collage"),
        (laid_on(), (100, 120, 160, 200), None),  # a flag, a picture of a thing
        (IN_THE_CORNER, (320, 20, 370, 75), "collage"),
        (IN_THE_CORNER, (100, 120, 160, 200), None),
        (before_a_window(IN_THE_CORNER, (338, 362)), (320, 20, 370, 75), None),
        (panes(IN_THE_CORNER), (320, 20, 370, 75), None),
        (laid_on(160, 60, 250), (180, 70, 230, 130), None),  # far from a corner: a screen
        (before_a_window(laid_on(), (345, 367)), (320, 20, 370, 75), None),
        (before_a_window(laid_on(190), (200, 222), (250, 272), (300, 322)), (330, 20, 380, 75), None),
        (panes(laid_on()), (320, 20, 370, 75), None),
    ],
)
def test_a_small_picture_with_a_face_in_a_corner(picture: Pixels, face: tuple[float, ...], kind: str | None) -> None:
    verdict = kind_of(measures(picture), np.array([face], float))
    assert (verdict and verdict[0]) == kind


def test_somebody_before_a_plumb_edge_keeps_a_photo() -> None:
    picture = doorway(0)
    picture[120:, 90:210] = photo(5, 120, 180)
    assert kind_of(measures(picture), np.array([[260.0, 100, 320, 170]])) is None


def test_an_edge_through_a_face_is_no_seam_unless_it_runs_from_rim_to_rim() -> None:
    faces = np.vstack([FACES, [[170.0, 90.0, 230.0, 160.0]]])
    marks = measures(collage(0))
    assert kind_of(marks, faces) == ("collage", "a straight seam at x=199 pixels parts it from rim to rim")
    assert kind_of(marks | {"seams": [["x", 199, False]]}, faces) is None


def text_at(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    return {"corners": [left, top, right, top, right, bottom, left, bottom], "words": "words", "score": 0.9}


@pytest.mark.parametrize(
    ("text", "settings", "reason", "crop"),
    [
        ((10, 270, 300, 292), {}, None, (0, 0, 400, 267)),
        ((10, 270, 300, 292), {"text": "drop"}, "text", None),
        ((10, 270, 300, 292), {"max_text": 0.1}, None, None),
        ((10, 270, 300, 292), {"min_crop": 0.95}, "text", None),
        ((50, 100, 350, 130), {}, "text", None),  # across the faces
        ((70, 200, 110, 216), {}, None, None),  # a name on a chest
    ],
)
def test_text_is_cropped_dropped_or_worn(
    text: tuple[int, int, int, int], settings: dict[str, Any], reason: str | None, crop: tuple[int, ...] | None
) -> None:
    verdict, found = judge_text([text_at(*text)], FACES, (400, 300), CurationConfig(**settings))
    assert ((verdict and verdict[0]), found) == (reason, crop)


@pytest.mark.parametrize("words", ["SAMPLE PHOTO", "agency/studio"])
def test_words_are_read_where_they_are(words: str) -> None:
    marks = TextReader().examine([written(words, (20, 255)), photo()])
    (text,) = marks[0]["texts"]
    xs, ys = text["corners"][::2], text["corners"][1::2]
    assert 10 < min(xs) < 40
    assert 150 < max(xs) < 390
    assert 240 < min(ys) < max(ys) < 300
    assert text["words"].replace(" ", "").lower() == words.replace(" ", "").lower()
    assert marks[1] == {"texts": []}


def stored(pictures: dict[str, Pixels]) -> Found:
    """Photos as the faces pass leaves them, each with the two `FACES`."""
    found = found_of(np.repeat(np.arange(len(pictures)), 2).tolist(), np.ones((2 * len(pictures), 4)))
    photos = []
    for entry, (name, pixels) in zip(found.photos, pictures.items(), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
        height, width = pixels.shape[:2]
        placed = replace(entry, item=replace(entry.item, path=name), whole=buffer.getvalue)
        photos.append(replace(placed, width=width, height=height))
    return replace(found, photos=Album.over(photos), box=np.tile(FACES, (len(pictures), 1)).astype(np.float32))


def test_the_whole_stage(tmp_path: Path) -> None:
    pictures = {"plain": photo(), "caption": written("SAMPLE PHOTO", (20, 258)), "page": page(), "two": collage(0)}
    found = stored(pictures | {"across": written("SAMPLE PHOTO TEXT", (70, 100))})
    kept, rejects = drop_marked(found, CurationConfig(), tmp_path / "kept")
    assert {(reject.path, reject.reason) for reject in rejects} == {
        ("page", "screenshot"),
        ("two", "collage"),
        ("across", "text"),
    }
    assert [(one.item.path, one.crop is not None) for one in kept.photos] == [("plain", False), ("caption", True)]
    assert kept.photo.tolist() == [0, 0, 1, 1]
    assert TextReader().examine([np.asarray(Image.open(io.BytesIO(kept.photos[1].jpg())))]) == [{"texts": []}]
    again, _ = drop_marked(found, CurationConfig(), tmp_path / "kept")
    assert [one.jpg() for one in again.photos] == [one.jpg() for one in kept.photos]
    everything, none = drop_marked(found, CurationConfig(kinds=False, text="keep"), tmp_path / "kept")
    assert (len(everything.photos), none) == (5, [])


def test_no_photos_at_all(tmp_path: Path) -> None:
    kept, rejects = drop_marked(stored({}), CurationConfig(), tmp_path / "kept")
    assert (list(kept.photos), rejects) == ([], [])
