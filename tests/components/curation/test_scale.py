"""Many people and photos: nothing here may take a time that grows faster than they do."""

import time

import numpy as np

from components.curation.config import CurationConfig
from components.curation.labels import Labels
from components.curation.split import hold_out
from tests.components.curation.faces import found_of

PEOPLE = 3000


def test_holding_out_of_one_large_circle_takes_seconds() -> None:
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((PEOPLE, 64)).astype("f4")
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    identity = np.concatenate([np.arange(PEOPLE), rng.integers(0, PEOPLE, 6 * PEOPLE)])
    photo = np.concatenate([np.arange(PEOPLE), PEOPLE + np.arange(6 * PEOPLE) // 2]).tolist()
    found = found_of(photo, centres[identity])
    labels = Labels(found, [f"{n:04d}" for n in range(PEOPLE)], centres, identity, np.zeros(len(identity), np.bool_))
    start = time.perf_counter()
    held = hold_out(labels, 0.9, CurationConfig(heldout_fraction=0.3))
    assert time.perf_counter() - start < 15  # choosing each among all others by name took minutes
    assert held.sum() == 0.3 * PEOPLE
