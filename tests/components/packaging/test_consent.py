"""Whose face may be used: the lists that curation writes are read, kept fresh, and never guessed at."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from components.packaging.consent import Consent, FaceList
from components.packaging.refusals import RefusalError
from components.tombstones import FORGOTTEN, Tombstone, Tombstones, name_digest
from model.errors import UserError

ANA, BO = np.array([3, 0, 0, 0], np.float32), np.array([0, 5, 0, 0], np.float32)
NEAR_ANA = np.array([3, 1, 0, 0], np.float32)


def listed(folder: Path, *people: np.ndarray, recogniser: str = "r") -> Path:
    stones = tuple(
        Tombstone(
            name_sha256=name_digest("x"),
            photos=(),
            recogniser=recogniser,
            centre=tuple((one / np.linalg.norm(one)).tolist()),
            similarity=0.9,
            since=date(2026, 1, 1),
        )
        for one in people
    )
    nameless = Tombstone(name_sha256=name_digest("y"), photos=(), since=date(2026, 1, 1))
    Tombstones(people=(*stones, nameless)).write(folder)
    return folder / FORGOTTEN


def test_forgotten_faces_are_refused_by_cosine(tmp_path: Path) -> None:
    consent = Consent(FaceList(listed(tmp_path, ANA), "r"))
    consent.check(BO, "references[0]")
    for face in (ANA, ANA * 9, NEAR_ANA):
        with pytest.raises(RefusalError, match=r"references\[1\] shows a person whose face may not be used") as refused:
            consent.check(face, "references[1]")
        assert (refused.value.status, refused.value.kind) == (403, "forgotten")


def test_only_enrolled_people_where_the_switch_is_on(tmp_path: Path) -> None:
    consent = Consent(enrolled=FaceList(listed(tmp_path, ANA), "r"))
    consent.check(NEAR_ANA, "references[0]")
    with pytest.raises(RefusalError, match="shows nobody who is enrolled") as refused:
        consent.check(BO, "references[0]")
    assert refused.value.kind == "not-enrolled"


def test_an_empty_list_holds_nobody(tmp_path: Path) -> None:
    assert not FaceList(listed(tmp_path), "r").holds(ANA)


def test_a_list_that_changes_counts_at_once_and_a_broken_one_does_not(tmp_path: Path) -> None:
    faces = FaceList(listed(tmp_path), "r")
    path = listed(tmp_path, ANA)
    assert faces.holds(ANA)
    path.write_text("{")
    os.utime(path, (1, 1))
    assert faces.holds(ANA)


def test_lists_that_cannot_be_trusted_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds faces of another recogniser"):
        FaceList(listed(tmp_path, ANA, recogniser="other"), "r")
    (tmp_path / FORGOTTEN).write_text("[1]")
    with pytest.raises(UserError, match=r"is no list of people's faces \(Input should be an object\): bring it back"):
        FaceList(tmp_path / FORGOTTEN, "r")
    with pytest.raises(UserError, match=r"none cannot be read \(No such file or directory\): bring it back"):
        FaceList(tmp_path / "none", "r")
