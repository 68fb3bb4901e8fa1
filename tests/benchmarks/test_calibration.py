"""Banks drawn from a dataset: of unlike people, with faces of theirs alone, and named aright."""

import numpy as np
import pytest

from benchmarks.calibration import FACES, PEOPLE, bank_of, drawn, shares
from benchmarks.strangers import LIKENESS
from tests.components.curation.faces import found_of

DIM, EACH = 64, 12


def test_nobody_in_a_bank_is_more_like_another_than_in_a_cast_and_its_faces_are_good_ones_of_theirs() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((200, 24))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    likeness = (centres @ centres.T).astype(np.float32)
    chosen = drawn(likeness, rng)
    assert 10 < len(chosen) <= PEOPLE
    assert (likeness[np.ix_(chosen, chosen)] <= LIKENESS)[~np.eye(len(chosen), dtype=bool)].all()
    person, good = np.repeat(np.arange(200), EACH), rng.random(200 * EACH) < 0.8
    bank = bank_of(found_of(list(range(len(person))), np.repeat(centres, EACH, axis=0)), person, chosen, good, rng)
    inside = bank.member >= 0
    assert good[inside].all()
    assert (chosen[bank.member[inside]] == person[inside]).all()
    assert np.bincount(bank.member[inside]).tolist() == [
        min(FACES, int(good[person == number].sum())) for number in chosen
    ]


def test_a_drawn_bank_finds_its_people_and_few_others() -> None:
    rng = np.random.default_rng(1)
    people = rng.standard_normal((120, DIM))
    faces = np.repeat(people, EACH, axis=0) + 0.4 * rng.standard_normal((120 * EACH, DIM))
    found = found_of(list(range(len(faces))), faces)
    found.sharpness[:] = 100
    centres = (people / np.linalg.norm(people, axis=1, keepdims=True)).astype(np.float32)
    threshold, strangers, right = shares(found, np.repeat(np.arange(120), EACH), centres, seed=0)
    assert 0 < threshold < 0.9
    assert strangers < 0.02
    assert right == pytest.approx(1, abs=0.02)
