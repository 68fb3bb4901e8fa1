"""Batches read ahead are those that were asked for, read while nobody waits; their errors come where they are due."""

import threading
from typing import Any

import pytest

from model.training.ahead import Ahead
from model.training.phases import Phase

ONE, TWO = (Phase(name=name, steps=3, learning_rate=1) for name in ("one", "two"))


class Shelf:
    """Batches that note what is read, where; number 6 cannot be."""

    def __init__(self) -> None:
        self.read: list[tuple[int, str, bool]] = []
        self.noted = threading.Condition()

    def batch(self, number: int, phase: Phase) -> Any:
        with self.noted:
            self.read.append((number, phase.name, threading.current_thread() is threading.main_thread()))
            self.noted.notify()
        if number == 6:
            raise FileNotFoundError("6 is gone")
        return number, phase.name


def ahead_of(shelf: Shelf) -> Any:
    return Ahead(shelf, 2)  # type: ignore[arg-type]


def test_every_batch_is_the_one_that_was_asked_for_and_the_next_is_read_beside() -> None:
    shelf = Shelf()
    ahead = ahead_of(shelf)
    asked = [(1, ONE), (3, ONE), (3, ONE), (5, TWO), (7, TWO)]
    assert [ahead.batch(*one) for one in asked] == [(number, phase.name) for number, phase in asked]
    with shelf.noted:
        assert shelf.noted.wait_for(lambda: (9, "two", False) in shelf.read, 10)
    assert [row[:2] for row in shelf.read if row[2]] == [(1, "one"), (3, "one"), (5, "two")]


def test_an_error_comes_with_the_batch_that_has_it_and_no_sooner() -> None:
    ahead = ahead_of(Shelf())
    assert ahead.batch(4, ONE) == (4, "one")
    with pytest.raises(FileNotFoundError, match="6 is gone"):
        ahead.batch(6, ONE)
    assert ahead.batch(8, ONE) == (8, "one")
