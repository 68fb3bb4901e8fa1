"""Comparing tile by tile finds what the whole matrix of cosines shows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model import similarity
from validation.dataset.leaks import leaked_faces, lookalikes
from validation.dataset.tables import nearest_others

Floats = NDArray[np.float64]
BOUND = 0.4


@pytest.fixture(autouse=True, scope="module")
def small_tiles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "ROWS", 3)
        patch.setattr(similarity, "COLUMNS", 2)
        yield


def unit_rows(rng: np.random.Generator, count: int) -> Floats:
    """Unit rows [count, 4], some of them NaN."""
    rows = rng.standard_normal((count, 4))
    rows[rng.random(count) < 0.15] = np.nan
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float64)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(0, 1000))
def test_the_nearest_other_is_that_of_the_whole_matrix(count: int, seed: int) -> None:
    centres = unit_rows(np.random.default_rng(seed), count)
    whole = np.nan_to_num(centres @ centres.T, nan=-np.inf)
    np.fill_diagonal(whole, -np.inf)
    cosines = nearest_others(centres)
    for row in range(count):
        greatest = whole[row].max()
        if np.isfinite(greatest):
            assert cosines[row] == pytest.approx(greatest)
        else:
            assert np.isnan(cosines[row])


@example(5, 8, 74)  # a face named after a held-out person, whose cosine to them came out twice, a bit apart
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 1000))
def test_pairs_and_faces_are_those_of_the_whole_matrix(people: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres, unit = unit_rows(rng, people), unit_rows(rng, count)
    names = [f"p{n}" for n in range(people)]
    identities = pd.DataFrame({"identity": names, "split": rng.choice(["heldout", "train"], people)})
    named = [str(rng.choice(names)) if people and rng.random() < 0.5 else None for _ in range(count)]
    faces = pd.DataFrame({"face_id": [f"f{n}" for n in range(count)], "identity": pd.Series(named, dtype=object)})
    faces = faces.assign(image_split=rng.choice(["train", "mixed"], count), photo_path="x.jpg")
    split = identities["split"].to_numpy(str)
    pairs = np.where((split == "heldout")[:, None] & (split == "train"), centres @ centres.T, np.nan)
    found = lookalikes(identities, centres, BOUND)
    np.testing.assert_allclose(found["similarity"], wanted(pairs), atol=1e-12)
    cosines = np.where(
        (faces["image_split"] == "train").to_numpy()[:, None] & (split == "heldout"), unit @ centres.T, np.nan
    )
    for row, name in enumerate(named):
        own = unit[row] @ centres[names.index(name)] if name else -1.0
        cosines[row, cosines[row] <= np.nan_to_num(own, nan=-1.0) + 1e-9] = np.nan
    found = leaked_faces(faces, unit, identities, centres, BOUND)
    np.testing.assert_allclose(found["similarity"], wanted(cosines), atol=1e-12)


def wanted(whole: Floats) -> list[float]:
    """The cells above the bound and the greatest of each row, greatest first."""
    cells = []
    for row in np.where(np.isnan(whole), -np.inf, whole):
        finite = row[np.isfinite(row)]
        cells += sorted({*finite[finite > BOUND], *([finite.max()] if len(finite) else [])})
    return sorted(cells, reverse=True)
