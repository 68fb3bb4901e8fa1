"""Comparisons of photos are kept: only people of whom photos came or went are compared once more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from components.curation import compared as module
from components.curation.album import Album
from components.curation.compared import Comparison, compared
from components.curation.found import Found
from tests.components.curation.faces import found_of

Matrix = NDArray[np.bool_]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The places of the faces that were compared, person by person; they are one picture where `told` says so."""
    seen: list[list[int]] = []

    def same_content(found: Found, faces: NDArray[np.intp], told: Matrix, skip: Matrix) -> Matrix:
        seen.append(faces.tolist())
        return told & ~skip

    monkeypatch.setattr(module, "same_content", same_content)
    return seen


def people(*groups: list[int]) -> list[Comparison]:
    return [Comparison(np.array(group, np.intp), np.zeros(len(group), np.bool_)) for group in groups]


def test_only_people_whose_photos_changed_are_compared_again(asked: list[list[int]], tmp_path: Path) -> None:
    found = found_of(list(range(6)), np.eye(6)[[0, 0, 0, 1, 1, 1]])
    first = list(compared(found, people([0, 1], [3, 4]), tmp_path))
    assert first[0].same.all()  # equal faces with equal fingerprints
    assert sorted(asked) == [[0, 1], [3, 4]]
    asked.clear()
    again = list(compared(found, people([3, 4], [0, 1, 2], []), tmp_path))
    assert sorted(asked) == [[], [0, 1, 2]]
    assert (again[0].same == first[1].same).all()
    assert (again[0].unnatural == first[1].unnatural).all()
    assert [told.same.shape for told in again] == [(2, 2), (3, 3), (0, 0)]


@pytest.mark.parametrize("what", ["box", "landmarks", "fingerprint", "photos", "embedding", "apart"])
def test_all_that_decides_is_in_the_key(asked: list[list[int]], tmp_path: Path, what: str) -> None:
    found = found_of([0, 1], np.eye(6)[[0, 0]])
    list(compared(found, people([0, 1]), tmp_path))
    other, one = found, people([0, 1])[0]
    if what == "apart":
        one = replace(one, apart=np.ones(2, np.bool_))
    elif what == "photos":
        other = replace(found, photos=Album.over([found.photos[0], replace(found.photos[1], crop=(0, 0, 5, 5))]))
    elif what == "embedding":
        other = found_of([0, 1], np.eye(6)[[0, 1]])
    else:
        values = getattr(found, what)
        other = replace(found, **{what: values + np.ones(1, values.dtype)})
    list(compared(other, [one], tmp_path))
    assert len(asked) == 2
