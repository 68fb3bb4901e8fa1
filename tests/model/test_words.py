"""One of something is told in the singular."""

import pytest

from model.words import counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "run", "0 runs"),
        (1, "run", "1 run"),
        (2, "run", "2 runs"),
        (1, "person", "1 person"),
        (1000, "person", "1,000 people"),
    ],
)
def test_one_is_singular(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words
