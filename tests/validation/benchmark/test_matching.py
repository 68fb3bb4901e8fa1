"""The strict assignment: one face a person, by place, the least summed distance of all."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from validation.benchmark.matching import MISSING, assign, distance

PLACES = st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(4, 80), st.floats(4, 80))
Boxes = NDArray[np.float32]


def boxes(places: list[tuple[float, float, float, float]]) -> Boxes:
    return np.array([[x, y, x + w, y + h] for x, y, w, h in places], np.float32).reshape(-1, 4)


@given(st.lists(PLACES, max_size=4), st.lists(PLACES, min_size=1, max_size=4))
def test_no_face_is_used_twice_and_none_is_left_while_a_person_waits(
    found: list[tuple[float, float, float, float]], wanted: list[tuple[float, float, float, float]]
) -> None:
    chosen = assign(boxes(found), boxes(wanted))
    used = chosen[chosen != MISSING]
    assert len(set(used.tolist())) == len(used) == min(len(found), len(wanted))


@given(st.lists(PLACES, min_size=3, max_size=3), st.lists(PLACES, min_size=3, max_size=3))
def test_no_other_assignment_is_nearer(
    found: list[tuple[float, float, float, float]], wanted: list[tuple[float, float, float, float]]
) -> None:
    table = distance(boxes(found), boxes(wanted))
    chosen = assign(boxes(found), boxes(wanted))
    best = min(sum(table[face, person] for person, face in enumerate(order)) for order in permutations(range(3)))
    assert sum(table[face, person] for person, face in enumerate(chosen)) <= best + 1e-6


def test_people_keep_their_faces_whatever_the_order_of_detection() -> None:
    wanted = boxes([(10, 40, 40, 50), (110, 40, 40, 50)])
    found = boxes([(113, 38, 42, 52), (8, 44, 40, 50)])
    assert assign(found, wanted).tolist() == [1, 0]


def test_a_lone_face_goes_to_the_nearer_person() -> None:
    wanted = boxes([(10, 40, 40, 50), (110, 40, 40, 50)])
    assert assign(boxes([(100, 40, 40, 50)]), wanted).tolist() == [MISSING, 0]


def test_of_two_faces_in_one_place_the_one_of_the_right_size_is_taken() -> None:
    wanted = boxes([(50, 50, 40, 40)])
    assert assign(boxes([(65, 65, 10, 10), (50, 50, 42, 42)]), wanted).tolist() == [1]


def test_no_faces_at_all() -> None:
    assert assign(np.zeros((0, 4), np.float32), boxes([(0, 0, 5, 5), (9, 9, 5, 5)])).tolist() == [MISSING, MISSING]
