"""Doubtful names: those of the whole matrix, the worst first, and no more than a person would read."""

import logging

import numpy as np
import pytest

from components.curation import doubts
from components.curation.bank import NAMELESS_LINK, Bank
from components.curation.config import CurationConfig
from components.curation.doubts import doubtful_names

CONFIG = CurationConfig(link=0.3)


def bank_of(people: int, divided: dict[str, tuple[int, int]]) -> Bank:
    unit = np.random.default_rng(0).standard_normal((people, 3), np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return Bank([f"p{n:02}" for n in range(people)], unit, np.zeros(0, np.intp), divided)


def test_pairs_are_those_of_the_whole_matrix_and_the_worst_come_first() -> None:
    bank = bank_of(30, {"p03": (4, 2), "p04": (9, 3)})
    whole = bank.centres @ bank.centres.T
    pairs = np.argwhere(np.triu(whole >= CONFIG.link + NAMELESS_LINK, 1))
    told, total = doubtful_names(bank, CONFIG)
    assert total == len(told) == 2 + len(pairs)
    assert [doubt["names"] for doubt in told[:2]] == [["p04"], ["p03"]]
    assert {tuple(doubt["names"]) for doubt in told[2:]} == {(bank.names[a], bank.names[b]) for a, b in pairs}
    similarity = [float(whole[tuple(bank.names.index(name) for name in doubt["names"])]) for doubt in told[2:]]
    assert similarity == sorted(similarity, reverse=True)


def test_of_many_only_the_worst_are_told_and_few_are_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bank = bank_of(30, {"p03": (4, 2)})
    everything, total = doubtful_names(bank, CONFIG)
    monkeypatch.setattr(doubts, "MOST_TOLD", 20)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        told, again = doubtful_names(bank, CONFIG)
    assert (told, again) == (everything[:20], total)
    assert len(caplog.records) == doubts.MOST_LOGGED + 1
    assert str(total) in caplog.messages[-1]


def test_without_doubts_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    bank = Bank(["a", "b"], np.eye(2, dtype=np.float32), np.zeros(0, np.intp))
    assert doubtful_names(bank, CONFIG) == ([], 0)
    assert not caplog.records
