"""The pass of the examiners: kept, resumed after a stop, never repeated."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.curation.album import Album, Marks
from components.curation.examine import PART, examine
from components.curation.found import Found
from tests.components.curation.faces import found_of

COUNT = 3 * PART - 2


class Brightness:
    """Marks a photo with its mean; stops at a call if told to."""

    name, version = "brightness", "1"

    def __init__(self, stop_at: int = 99) -> None:
        self.stop_at, self.calls, self.seen = stop_at, 0, 0

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        self.calls, self.seen = self.calls + 1, self.seen + len(photos)
        return [{"mean": round(float(photo.mean()))} for photo in photos]


@pytest.fixture
def grey() -> Found:
    """Photos of one grey each, 10 times their number."""
    found = found_of(list(range(COUNT)), np.ones((COUNT, 4)))
    photos = []
    for number, photo in enumerate(found.photos):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), (10 * number,) * 3).save(buffer, "JPEG")
        photos.append(replace(photo, width=40, height=30, whole=buffer.getvalue))
    return replace(found, photos=Album.over(photos))


def test_marks_come_in_order_and_are_not_made_twice(grey: Found, tmp_path: Path) -> None:
    first, again = Brightness(), Brightness()
    expected = [{"mean": 10 * number} for number in range(COUNT)]
    assert list(examine(grey, first, tmp_path / "kept")) == expected
    assert list(examine(grey, again, tmp_path / "kept")) == expected
    assert (first.seen, again.seen) == (COUNT, 0)


def test_only_new_photos_are_examined(grey: Found, tmp_path: Path) -> None:
    some = np.arange(COUNT) % 3 > 0
    examine(grey.keep(some), Brightness(), tmp_path / "kept")
    rest = Brightness()
    assert len(examine(grey, rest, tmp_path / "kept")) == COUNT
    assert rest.seen == COUNT - some.sum()


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_stopped_pass_resumes_where_it_was(
    grey: Found, tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    with pytest.raises(KeyboardInterrupt):
        examine(grey, Brightness(stop_at=calls), tmp_path / "kept")
    rest = Brightness()
    assert list(examine(grey, rest, tmp_path / "kept")) == [{"mean": 10 * number} for number in range(COUNT)]
    assert rest.calls == 3 - calls


def test_another_version_and_a_crop_are_examined_anew(grey: Found, tmp_path: Path) -> None:
    examine(grey, Brightness(), tmp_path / "kept")
    newer, crop = Brightness(), Brightness()
    newer.version = "2"
    examine(grey, newer, tmp_path / "kept")
    photos = [replace(grey.photos[0], crop=(0, 0, 20, 20)), *grey.photos[1:]]
    examine(replace(grey, photos=Album.over(photos)), crop, tmp_path / "kept")
    assert (newer.seen, crop.seen) == (COUNT, 1)
