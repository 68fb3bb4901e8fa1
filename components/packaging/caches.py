"""Results kept in memory by the content that they come from, for a while, the least recently used making room."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import torch

from components.packaging.metrics import CACHE

KEPT, KEPT_SECONDS = 256, 600  # texts
V = TypeVar("V")
Encoded = tuple[torch.Tensor, torch.Tensor]


class Cache(Generic[V]):
    """At most `entries` values, none older than `seconds`, by the SHA-256 of content; for one thread."""

    def __init__(self, name: str, entries: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.entries, self.seconds, self.clock = name, entries, seconds, clock
        self._kept: OrderedDict[bytes, tuple[float, V]] = OrderedDict()

    def get(self, content: bytes, make: Callable[[], V]) -> V:
        """The value of `content`, made where none is kept; what `make` raises is not kept."""
        key, now = hashlib.sha256(content).digest(), self.clock()
        self._drop_old(now)
        if key in self._kept:
            CACHE.labels(self.name, "hit").inc()
            self._kept.move_to_end(key)
            return self._kept[key][1]
        CACHE.labels(self.name, "miss").inc()
        value = make()
        self._kept[key] = now, value
        if len(self._kept) > self.entries:
            self._kept.popitem(last=False)
        return value

    def _drop_old(self, now: float) -> None:
        for key in [key for key, (since, _) in self._kept.items() if now - since > self.seconds]:
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


class KeptTexts:
    """The function `encode`, from texts to token states [B, T, d] and one vector each [B, p], with a memory.

    Each text is encoded alone, so that its features do not depend, not even by rounding, on what else was asked for.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Encoded]) -> None:
        self.encode = encode
        self._kept: Cache[Encoded] = Cache("text", KEPT, KEPT_SECONDS)

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """As the function itself."""
        rows = [self._kept.get(text.encode(), partial(self.encode, [text])) for text in texts]
        return torch.cat([states for states, _ in rows]), torch.cat([pooled for _, pooled in rows])
