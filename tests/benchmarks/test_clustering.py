"""Pairwise scores of a clustering: those of the definition, counted pair by pair."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clustering import pairwise


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=2, max_size=20))
def test_scores_are_those_of_the_definition(photos: list[tuple[int, int]]) -> None:
    person = {str(number): who for number, (who, _) in enumerate(photos)}
    cluster = {str(number): label for number, (_, label) in enumerate(photos) if label >= 0}
    pairs = list(combinations(person, 2))
    found = {pair for pair in pairs if cluster.get(pair[0], -1) == cluster.get(pair[1], -2)}
    true = {pair for pair in pairs if person[pair[0]] == person[pair[1]]}
    precision, recall, f1 = pairwise(cluster, person)
    assert precision == pytest.approx(len(found & true) / len(found) if found else 1)
    assert recall == pytest.approx(len(found & true) / len(true) if true else 1)
    both = len(found) + len(true)
    assert f1 == pytest.approx(2 * len(found & true) / both if both else 1)
