"""An album gives the photos that a list would give, with marks and crops that came later, and makes few at a time."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from components.curation.album import BLOCK, Album, Photo
from components.curation.items import Item

COUNT = 2 * BLOCK + 7


def photo(number: int) -> Photo:
    return Photo(Item(f"{number}"), f"{number:016x}", 90, 60, 1, 1, 0, number, bytes)


class Counting:
    """Makes photos from their numbers, and remembers the most that were asked for at a time."""

    most = 0

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        self.most = max(self.most, len(rows))
        return [photo(int(row)) for row in rows]


def test_photos_are_made_when_they_are_asked_for() -> None:
    source = Counting()
    album = Album(source, np.arange(COUNT)).of(np.arange(COUNT) % 2 == 1)
    assert (len(album), source.most) == (COUNT // 2, 0)
    assert album[3] == photo(7)
    assert album[1:3] == [photo(3), photo(5)]
    assert list(album) == [photo(number) for number in range(1, COUNT, 2)]
    assert source.most == BLOCK


def test_marks_and_crops_stay_with_their_photos() -> None:
    album = Album.over([photo(number) for number in range(6)]).of(np.array([True, False, True, True, True, False]))
    album = album.marked([{"a": place} for place in range(4)]).cropped({1: (10, 5, 60, 45)})
    album = album.of(np.array([False, True, True, True])).marked([{"b": place} for place in range(3)])
    album = album.of(np.array([True, False, True])).cropped({1: (0, 0, 9, 8)})
    first, last = album
    assert first == replace(photo(2), marks={"a": 1, "b": 0}, crop=(10, 5, 60, 45), width=50, height=40)
    assert last == replace(photo(4), marks={"a": 3, "b": 2}, crop=(0, 0, 9, 8), width=9, height=8)
