"""The parts of curation on their own: clusters, assignment, splits, filters of copies."""

import hashlib
import os
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.curation.cluster import density_clusters
from components.curation.config import CurationConfig
from components.curation.labels import Labels
from components.curation.parts import AHEAD, through
from components.curation.retrieve import assign
from components.curation.split import hold_out, photo_splits
from tests.components.curation.faces import found_of


def plain_dbscan(unit: NDArray[np.float32], link: float, neighbours: int) -> list[set[int]]:
    """The clusters' core points by the definition, one point at a time."""
    near = [{j for j in range(len(unit)) if i == j or unit[i] @ unit[j] >= link} for i in range(len(unit))]
    core = {i for i in range(len(unit)) if len(near[i]) >= neighbours}
    clusters: list[set[int]] = []
    left = set(core)
    while left:
        reached, waiting = set(), [min(left)]
        while waiting:
            point = waiting.pop()
            if point not in reached:
                reached.add(point)
                waiting += list(near[point] & core)
        clusters.append(reached)
        left -= reached
    return clusters


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 30), st.floats(0.1, 0.95), st.integers(1, 4))
def test_clusters_are_those_of_the_definition(seed: int, count: int, link: float, neighbours: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((count, 3)).astype("f4")
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    labels = density_clusters(unit, link, neighbours)
    cores = plain_dbscan(unit, link, neighbours)
    assert len(set(labels[labels >= 0])) == len(cores)
    for cluster in cores:
        assert len({int(labels[point]) for point in cluster}) == 1
    core = set().union(*cores)
    for point in set(range(count)) - core:
        touched = {int(labels[other]) for other in core if unit[point] @ unit[other] >= link}
        assert int(labels[point]) in (touched or {-1})
    sizes = np.bincount(labels[labels >= 0])
    assert (np.diff(sizes) <= 0).all()


CONFIG = CurationConfig(margin=0.05)


@pytest.mark.parametrize(
    ("similarity", "owner", "expected"),
    [
        ([[0.7, 0.1]], None, [0]),
        ([[0.39, 0.1]], None, [-1]),
        ([[0.60, 0.58]], None, [-1]),  # two people are as likely
        ([[0.60, 0.58]], 0, [0]),  # but the photo is named after one of them
        ([[0.60, 0.58], [0.1, 0.8]], None, [0, 1]),  # and here the other is somebody else already
        ([[0.7, 0.1], [0.5, 0.1]], None, [0, -1]),  # nobody twice
        ([[0.7, 0.1], [0.68, 0.1]], None, [-1, -1]),  # which of the two faces it is stays unclear
        ([[0.7, 0.6], [0.65, 0.1]], None, [1, 0]),  # together they fit better crosswise
    ],
)
def test_assignment(similarity: list[list[float]], owner: int | None, expected: list[int]) -> None:
    assert assign(np.array(similarity, np.float32), owner, 0.4, 0.05).tolist() == expected


def labels_of(photos: list[list[int]], names: list[str], unknown: NDArray[np.float32] | None = None) -> Labels:
    """Labels for photos given as lists of people; -1 is an unknown face that looks like `unknown`."""
    people = len(names)
    faces = [(place, person) for place, who in enumerate(photos) for person in who]
    embedding = np.array([np.eye(people)[p] if p >= 0 else unknown for _, p in faces], np.float32)
    count = len(faces)
    found = found_of([place for place, _ in faces], embedding)
    identity = np.array([person for _, person in faces], np.intp)
    return Labels(found, names, np.eye(people, dtype=np.float32), identity, np.zeros(count, np.bool_))


def test_the_smallest_components_are_held_out_first() -> None:
    labels = labels_of([[0, 1], [1, 2], [3, 4], [5], [5]], list("abcdef"))
    held = hold_out(labels, 0.4, CurationConfig(heldout_fraction=0.5))
    assert held.tolist() == [False, False, False, True, True, True]
    assert photo_splits(labels, held, 0.4, CONFIG) == ["train", "train", "heldout", "heldout", "heldout"]


def test_one_large_component_is_cut_where_it_costs_least() -> None:
    chain = [[0, 1], [0, 1], [0, 1], [1, 2], [2, 3], [2, 3], [2, 3], [0], [3]]
    labels = labels_of(chain, list("abcd"))
    held = hold_out(labels, 0.4, CurationConfig(heldout_fraction=0.5))
    assert photo_splits(labels, held, 0.4, CONFIG).count("mixed") == 1


def test_people_who_look_alike_go_to_the_same_side() -> None:
    labels = labels_of([[0], [1], [2], [2]], list("abc"))
    alike = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1]], np.float32)
    labels = Labels(labels.found, labels.names, alike, labels.identity, labels.reference)
    held = hold_out(labels, 0.4, CurationConfig(heldout_fraction=0.3))
    assert held[0] == held[1]


@pytest.mark.parametrize("fraction", [0.15, 0.3, 0.5])
@pytest.mark.parametrize(("one", "other"), [(0, 3), (1, 3), (3, 4), (3, 6)])
def test_people_who_look_alike_are_not_parted_where_all_form_one_circle(one: int, other: int, fraction: float) -> None:
    labels = labels_of([[0, person] for person in range(1, 7)] + [[person] for person in range(7)], list("abcdefg"))
    alike = np.eye(7, dtype=np.float32)
    alike[other] = 0.8 * alike[one] + 0.6 * alike[other]
    labels = Labels(labels.found, labels.names, alike, labels.identity, labels.reference)
    held = hold_out(labels, 0.5, CurationConfig(heldout_fraction=fraction))
    assert held[one] == held[other]
    assert held.sum() == round(7 * fraction)


def test_where_everybody_has_two_names_both_are_held_out() -> None:
    labels = labels_of([[person] for person in range(4)] * 2, list("abcd"))
    labels = Labels(labels.found, labels.names, np.eye(2, dtype="f4")[[0, 0, 1, 1]], labels.identity, labels.reference)
    assert hold_out(labels, 0.5, CurationConfig(heldout_fraction=0.2)).sum() == 2
    labels = Labels(labels.found, labels.names, np.ones((4, 1), "f4"), labels.identity, labels.reference)
    assert hold_out(labels, 0.5, CurationConfig(heldout_fraction=0.2)).sum() == 1


def test_who_was_held_out_stays_held_out_whatever_photos_come() -> None:
    config = CurationConfig(heldout_fraction=0.3)
    names = list("abcdefg")
    week = [[person] for person in range(7) for _ in range(2)] + [[0], [1], [2], [3], [4]]
    held = hold_out(labels_of(week, names), 0.4, config)
    assert held.tolist() == [False] * 5 + [True, True]
    more = [*week, *[[5], [6]] * 3, [5, 0], [6, 1], [0, 1]]
    assert not hold_out(labels_of(more, names), 0.4, config)[[5, 6]].any()  # no longer the rarest
    again = labels_of(more, names)
    held = hold_out(again, 0.4, config, {"f", "g", "gone"})
    assert held.tolist() == [False] * 5 + [True, True]
    assert photo_splits(again, held, 0.4, config)[-3:] == ["mixed", "mixed", "train"]


def test_with_more_people_others_join_those_who_were_held_out() -> None:
    labels = labels_of([[0], [0], [0], [1], [1], [2], [3]], list("abcd"))
    held = hold_out(labels, 0.4, CurationConfig(heldout_fraction=0.5), {"a"})
    assert held[0]
    assert held.sum() == 2
    assert (
        hold_out(labels, 0.4, CurationConfig(heldout_fraction=0.25), {"a", "b"}).tolist() == [False, True] + [False] * 2
    )
    assert not hold_out(labels, 0.4, CurationConfig(heldout_fraction=0), {"a"}).any()


def test_who_looks_like_somebody_who_was_held_out_is_held_out_too() -> None:
    labels = labels_of([[0], [0], [1], [2], [3]], list("abcd"))
    alike = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    labels = Labels(labels.found, labels.names, alike, labels.identity, labels.reference)
    assert hold_out(labels, 0.7, CurationConfig(heldout_fraction=0.25), {"a"}).tolist() == [True, True, False, False]


def test_a_photo_with_a_face_that_might_be_held_out_is_for_nobody() -> None:
    labels = labels_of([[0, 0], [1], [2, -1], [2]], list("abc"), np.array([0.37, 0, 0.929]))
    held = np.array([True, False, False])
    assert photo_splits(labels, held, 0.4, CONFIG) == ["heldout", "train", "mixed", "train"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True), min_size=1, max_size=20),
    st.floats(0, 1),
    st.sets(st.integers(0, 9)),
)
def test_sides_never_share_a_person(photos: list[list[int]], fraction: float, earlier: set[int]) -> None:
    people = sorted({person for who in photos for person in who})
    number = {person: place for place, person in enumerate(people)}
    photos = [[number[person] for person in who] for who in photos]
    names = [hashlib.sha256(bytes([person])).hexdigest() for person in people]
    labels = labels_of(photos, names)
    before = {names[number[person]] for person in earlier if person in number}
    held = hold_out(labels, 0.4, CurationConfig(heldout_fraction=fraction), before)
    assert held.sum() <= max(1, round(len(people) * fraction))
    assert not held.all()
    assert sum(held[number[person]] for person in earlier if person in number) == min(len(before), held.sum())
    for who, split in zip(photos, photo_splits(labels, held, 0.4, CONFIG), strict=True):
        sides = {bool(held[person]) for person in who}
        assert split == ("mixed" if len(sides) == 2 else "heldout" if True in sides else "train")


def test_parts_are_asked_for_as_they_are_done_and_come_in_order() -> None:
    asked, most = [0], [0]

    def parts() -> Iterator[list[int]]:
        for number in range(500):
            asked[0] += 1
            yield [2 * number, 2 * number + 1]

    seen = []
    for entry in through(parts(), lambda part: None):
        seen.append(entry)
        most[0] = max(most[0], asked[0] - len(seen) // 2)
    assert seen == list(range(1000))
    assert most[0] <= AHEAD * len(os.sched_getaffinity(0)) + 1


def test_what_a_part_raises_ends_the_work() -> None:
    begun: list[int] = []

    def work(part: Sequence[int]) -> None:
        begun.extend(part)
        if part[0] == 3:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        list(through(([number] for number in range(10_000)), work))
    assert len(begun) < 1000
