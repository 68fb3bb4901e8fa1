"""Results by content: made once, dropped by age and by use, and independent of what else was asked for."""

from collections.abc import Sequence
from functools import partial

import pytest
import torch

from components.packaging.caches import Cache, KeptTexts


def test_made_once_and_the_least_used_goes_first() -> None:
    cache: Cache[int] = Cache("t", entries=2, seconds=10)
    made: list[bytes] = []

    def make(content: bytes) -> int:
        made.append(content)
        return 1

    for content in (b"a", b"b", b"a", b"c", b"a", b"b"):
        cache.get(content, partial(make, content))
    assert made == [b"a", b"b", b"c", b"b"]
    assert len(cache) == 2


def test_nothing_is_kept_for_longer_than_its_time() -> None:
    now = 0.0
    cache: Cache[float] = Cache("t", entries=9, seconds=10, clock=lambda: now)
    assert cache.get(b"a", lambda: 1.0) == 1.0
    now = 11.0
    cache.get(b"b", lambda: 2.0)
    assert len(cache) == 1


def test_failures_are_not_kept() -> None:
    cache: Cache[int] = Cache("t", entries=9, seconds=10)
    with pytest.raises(ZeroDivisionError):
        cache.get(b"a", lambda: 1 // 0)
    assert cache.get(b"a", lambda: 3) == 3


def test_each_text_is_encoded_alone_and_once() -> None:
    asked: list[list[str]] = []

    def lengths(texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(list(texts))
        sizes = torch.tensor([float(len(text)) for text in texts])
        return sizes[:, None, None].expand(-1, 2, 3), sizes[:, None]

    kept = KeptTexts(lengths)
    states, pooled = kept(["a", "bb", "a"])
    assert (states.shape, pooled[:, 0].tolist()) == ((3, 2, 3), [1, 2, 1])
    assert asked == [["a"], ["bb"]]
