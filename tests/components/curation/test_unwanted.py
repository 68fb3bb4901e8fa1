"""Which marks leave a photo out, and which settings spare the work of making them."""

from typing import Any

import numpy as np
import pytest

from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.unwanted import PhotoExaminer, drop_unwanted, examiners, verdict
from model.errors import UserError
from tests.components.curation.faces import found_of

STRICT = CurationConfig(max_niqe=20.0, min_aesthetic=5.0)
FINE: dict[str, Any] = {"nsfw": 0.8, "tags": [("suit", 0.9), ("comic book", 0.4)], "niqe": 20.0, "aesthetic": 5.0}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"nsfw": 0.81}, "nsfw"),
        ({"tags": [["comic book", 0.5]]}, "tag"),
        ({"niqe": 20.1}, "quality"),
        ({"niqe": None}, None),
        ({"aesthetic": 4.9}, "aesthetic"),
    ],
)
def test_each_limit_holds(changed: dict[str, Any], reason: str | None) -> None:
    found = verdict(FINE | changed, STRICT)
    assert (found and found[0]) == reason


def test_photos_without_marks_stay() -> None:
    assert verdict({}, STRICT) is None


def test_marks_without_limits_leave_nothing_out() -> None:
    assert verdict({"niqe": 99.0, "aesthetic": 1.0}, CurationConfig()) is None


def test_work_whose_result_could_change_nothing_is_not_done() -> None:
    def names(**settings: Any) -> list[str]:
        return [examiner.name for examiner in examiners(CurationConfig(**settings))]

    assert names() == ["nsfw"]
    assert names(max_nsfw=1.0) == []
    assert names(max_niqe=15.0, tags=True) == ["nsfw", "tags", "niqe"]
    with pytest.raises(UserError, match="lacks config"):
        names(aesthetic="nowhere")


def test_unwanted_photos_go_with_their_faces_and_the_others_carry_their_marks() -> None:
    said: dict[str, list[dict[str, Any]]] = {
        "nsfw": [{"nsfw": 0.9}, {"nsfw": 0.0}, {"nsfw": 0.1}],
        "tags": [{"tags": []}, {"tags": [["suit", 0.9]]}, {"tags": [["web site", 0.7]]}],
    }

    def look(found: Found, examiner: PhotoExaminer) -> list[dict[str, Any]]:
        return said[examiner.name]

    kept, rejects = drop_unwanted(found_of([0, 1, 1, 2], np.eye(4)), CurationConfig(tags=True), look)
    assert [(reject.path, reject.stage, reject.reason) for reject in rejects] == [
        ("0", "marks", "nsfw"),
        ("2", "marks", "tag"),
    ]
    assert [photo.marks for photo in kept.photos] == [{"nsfw": 0.0, "tags": [["suit", 0.9]]}]
    np.testing.assert_array_equal(kept.embedding[:], np.eye(4)[1:3])
