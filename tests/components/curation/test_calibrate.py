"""Calibration: the threshold keeps its promise on strangers it has not seen, and says when it could not be made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.curation.bank import Bank, centres
from components.curation.calibrate import FIXED, LEAST_PEOPLE, calibrate, lowest, scores
from components.curation.config import CurationConfig
from components.curation.found import Found
from tests.components.curation.faces import found_of

DIM = 24


def people(count: int, photos: int, seed: int = 0) -> tuple[Found, Bank]:
    """`photos` faces of each of `count` people, in a space small enough that some look alike."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((count, DIM))
    faces = np.repeat(own, photos, axis=0) + 0.5 * rng.standard_normal((count * photos, DIM))
    found = found_of(list(range(len(faces))), faces)
    member = np.repeat(np.arange(count, dtype=np.intp), photos)
    return found, Bank([f"p{n:03}" for n in range(count)], centres(found.unit, member, count), member)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-999, 990), min_size=2, max_size=60, unique=True), st.floats(0.001, 0.5))
def test_of_strangers_left_out_in_turn_no_more_pass_than_stated_and_a_lower_threshold_lets_more_pass(
    found: list[int], rate: float
) -> None:
    strangers = np.array(found) / 1000
    thresholds = [lowest(np.delete(strangers, one), rate) for one in range(len(found))]
    assert np.mean(strangers >= thresholds) <= rate
    threshold = lowest(strangers, rate)
    if 0 < threshold < 1:
        passed = np.sum(strangers >= threshold - 0.0011) + 1  # and one more stranger at the lower threshold
        assert passed / (len(found) + 1) > rate


def test_scores_are_those_of_the_definition() -> None:
    found, bank = people(5, 3)
    strangers, own = scores(found, bank, CurationConfig(link=0.85))
    for face in range(15):
        person = face // 3
        other = [float(found.unit[face] @ bank.centres[n]) for n in range(5) if n != person]
        assert strangers[face] == pytest.approx(max(other), abs=1e-5)
        mates = found.unit[[n for n in range(3 * person, 3 * person + 3) if n != face]].sum(axis=0)
        assert own[face] == pytest.approx(float(found.unit[face] @ mates / np.linalg.norm(mates)), abs=1e-5)


def test_strangers_not_seen_before_pass_no_more_often_than_stated() -> None:
    config = CurationConfig(false_match_rate=0.05, link=0.8)
    found, bank = people(60, 12)
    made = calibrate(found, bank, config)
    strangers, _ = people(400, 3, seed=1)
    passed = float(((strangers.unit[:] @ bank.centres.T).max(axis=1) >= made.threshold).mean())
    assert made.rule == "calibrated"
    assert 0.02 < passed <= 0.055
    at_fixed = float(((strangers.unit[:] @ bank.centres.T).max(axis=1) >= FIXED).mean())
    assert at_fixed > 0.5, "the published threshold would have named most of them"


def test_two_names_for_one_person_do_not_raise_the_threshold() -> None:
    found, bank = people(40, 10)
    plain = calibrate(found, bank, CurationConfig())
    doubled = bank.member.copy()
    doubled[:5] = 40  # half of the first person's photos under another name
    twice = Bank([*bank.names, "p000 again"], centres(found.unit, doubled, 41), doubled)
    assert calibrate(found, twice, CurationConfig()).threshold == pytest.approx(plain.threshold, abs=0.03)


def test_a_set_threshold_stays_and_a_small_folder_gets_the_published_one() -> None:
    found, bank = people(30, 10)
    set_by_hand = calibrate(found, bank, CurationConfig(threshold=0.5))
    assert (set_by_hand.threshold, set_by_hand.rule) == (0.5, "set")
    small = calibrate(*people(LEAST_PEOPLE - 1, 12), CurationConfig())
    assert (small.threshold, small.rule) == (FIXED, "too few faces")
    assert calibrate(*people(LEAST_PEOPLE, 9), CurationConfig()).rule == "too few faces"
    assert calibrate(*people(LEAST_PEOPLE, 10), CurationConfig()).rule == "calibrated"


def test_the_curve_falls_for_strangers_and_rises_for_the_people_themselves() -> None:
    made = calibrate(*people(30, 10), CurationConfig())
    thresholds, strangers, missed = zip(*made.curve, strict=True)
    assert thresholds[0] == 0
    assert thresholds[-1] == 0.8
    assert all(np.diff(strangers) <= 0)
    assert all(np.diff(missed) >= 0)
    assert made.people == 30
