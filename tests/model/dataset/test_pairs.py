"""Which photos may be references."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs, reference_choices

MakeFace = Callable[..., dict[str, Any]]


def test_references_are_other_photos_of_the_person_best_first(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert dataset_pairs(dataset, "train") == {"a1-0": ("a2-0",), "a2-0": ("a1-0",), "g1-0": ("a2-0", "a1-0")}
    assert dataset_pairs(dataset, "heldout") == {"g2-0": ("b1-0",)}


def test_planted_copies_are_never_references(make_face: MakeFace) -> None:
    original = make_face("p1", "Ada", "reference", 1)
    recompressed = make_face("p2", "Ada", "reference", 1)
    recompressed["fingerprint"] = f"{int(recompressed['fingerprint'], 16) ^ 0b101:016x}"
    mirrored = make_face("p3", "Ada", "reference", 1)
    mirrored["fingerprint"] = f"{int(mirrored['fingerprint'], 16) ^ 0x5555555555555555:016x}"
    other = make_face("p4", "Ada", "reference", 2)
    choices = reference_choices(pd.DataFrame([original, recompressed, mirrored, other]))
    assert choices["p1-0"] == choices["p2-0"] == choices["p3-0"] == ("p4-0",)
    assert set(choices["p4-0"]) == {"p1-0", "p2-0", "p3-0"}


def test_two_faces_of_one_photo_are_no_pair(make_face: MakeFace) -> None:
    rows = [make_face("p", "Ada", "reference", 1), make_face("p", "Ada", "target", 2, face_id="p-1", index=1)]
    assert reference_choices(pd.DataFrame(rows)) == {}


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(["Ada", "Bo", None]), st.booleans(), st.integers(0, 5)),
        max_size=12,
    )
)
def test_pairs_are_never_self_never_a_stranger_and_do_not_depend_on_order(
    spec: list[tuple[int, str | None, bool, int]],
) -> None:
    rows = []
    for number, (photo, person, bank, seed) in enumerate(spec):
        rng = np.random.default_rng(seed)
        row: dict[str, Any] = {
            "face_id": f"{photo}-{number}",
            "image_id": str(photo),
            "identity": person,
            "score": 0.9,
            "sharpness": 10.0,
        }
        row |= {"role": "unknown" if person is None else "reference" if bank else "target", "box": [0, 0, 50, 50]}
        row |= {"embedding": rng.standard_normal(8), "fingerprint": f"{int(rng.integers(2**63)):016x}"}
        rows.append(row)
    columns = ["face_id", "image_id", "identity", "score", "sharpness", "role", "box", "embedding", "fingerprint"]
    choices = reference_choices(pd.DataFrame(rows, columns=columns))
    by_id = {row["face_id"]: row for row in rows}
    for target, references in choices.items():
        for reference in references:
            assert by_id[reference]["image_id"] != by_id[target]["image_id"]
            assert by_id[reference]["identity"] == by_id[target]["identity"]
            assert by_id[reference]["role"] == "reference"
            assert by_id[reference]["fingerprint"] != by_id[target]["fingerprint"]
    assert reference_choices(pd.DataFrame(rows[::-1], columns=columns)) == choices
