"""Group photos that copy another: all their faces do, those of unknown people too; and who can be paired."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.curation import labels
from components.curation.album import Album
from components.curation.compared import Compared
from components.curation.labels import Labels, count_pairs, drop_duplicates, drop_unpaired
from model.dataset.pairs import reference_choices
from tests.components.curation.faces import found_of

KNOWN, ONE, ANOTHER = np.eye(8)[:3]
LEFT, RIGHT = (0, 0, 10, 10), (30, 0, 40, 10)
NEARBY = KNOWN + 0.3 * ONE  # as like the known face as a copy's


def pair(first: list[np.ndarray], boxes: list[tuple[int, ...]]) -> Labels:
    """A photo of somebody known, on the left, and somebody else, and one with the faces `first` and `boxes`."""
    found = found_of([0, 0, 1, 1], np.stack([KNOWN, ONE, *first]))
    found = replace(found, box=np.array([LEFT, RIGHT, *boxes], np.float32))
    identity = np.array([0, -1, *(0 if face is KNOWN or face is NEARBY else -1 for face in first)], np.intp)
    return Labels(found, ["a"], KNOWN[None].astype(np.float32), identity, np.zeros(4, np.bool_))


@pytest.mark.parametrize(
    ("faces", "boxes", "copy"),
    [
        ([NEARBY, ONE], [LEFT, RIGHT], True),
        ([NEARBY, ONE], [RIGHT, LEFT], True),  # mirrored
        ([NEARBY, ANOTHER], [LEFT, RIGHT], False),
        ([NEARBY, ANOTHER], [RIGHT, LEFT], False),
        ([NEARBY, ONE], [LEFT, (60, 0, 70, 10)], False),
    ],
)
def test_a_photo_is_a_copy_where_every_face_of_it_stands_in_the_other(
    faces: list[np.ndarray], boxes: list[tuple[int, ...]], copy: bool, tmp_path: Path
) -> None:
    kept, rejects = drop_duplicates(pair(faces, boxes), np.zeros(2, np.bool_), tmp_path)
    assert len(kept.found.photos) == (1 if copy else 2)
    assert [reject.reason for reject in rejects] == (["near_duplicate"] if copy else [])


def all_alike(faces: int) -> Compared:
    return Compared(np.ones((faces, faces), np.bool_), np.zeros(faces))


@pytest.mark.parametrize(("apart", "gone"), [(0.5, True), (0.9, True), (0.0, False)])
def test_a_bank_photo_cut_out_of_a_group_photo_goes_where_the_tables_would_pair_them(
    apart: float, gone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = found_of([0, 1, 1], np.stack([KNOWN, KNOWN + apart * ANOTHER, ONE]))
    prints = found.fingerprint.copy()
    prints[0] = prints[1] ^ np.uint64(2**20 - 1 if apart else 0)
    found = replace(found, box=np.array([LEFT, LEFT, RIGHT], np.float32), fingerprint=prints)
    before = Labels(
        found,
        ["a", "b"],
        np.stack([KNOWN, ONE]).astype(np.float32),
        np.array([0, 0, 1]),
        np.array([True, False, False]),
    )
    monkeypatch.setattr(labels, "compared", lambda _, people, __: (all_alike(len(one.faces)) for one in people))
    kept, rejects = drop_duplicates(before, np.zeros(2, np.bool_), tmp_path)
    assert [photo.item.path for photo in kept.found.photos] == [photo.item.path for photo in found.photos[gone:]]
    assert [reject.reason for reject in rejects] == ["near_duplicate"] * gone


def test_photos_of_one_backdrop_that_differ_in_their_faces_are_paired_as_the_tables_pair_them() -> None:
    found = found_of([0, 1], np.stack([KNOWN, KNOWN + 0.5 * ONE]))
    found = replace(
        found,
        photos=Album.over([replace(photo, picture=7) for photo in found.photos]),
        fingerprint=np.array([0, 2**20 - 1], np.uint64),
    )
    alone = Labels(found, ["a"], KNOWN[None].astype("f4"), np.zeros(2, np.intp), np.ones(2, np.bool_))
    kept, rejects = drop_unpaired(alone)
    assert (kept.names, rejects) == (["a"], [])
    faces = pd.DataFrame(
        {
            "face_id": ["0", "1"],
            "image_id": ["0", "1"],
            "identity": "a",
            "role": "reference",
            "score": 1.0,
            "sharpness": 1.0,
            "box": list(found.box),
            "embedding": list(found.embedding[:]),
            "fingerprint": [f"{value:016x}" for value in found.fingerprint.tolist()],
        }
    )
    assert count_pairs(kept, ["train", "train"]) == sum(map(len, reference_choices(faces).values())) == 2
