"""Where keys lie among many others, such as the digests of a million photos."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.curation.items import blocks

DIGEST = np.dtype("S16")
TOGETHER = 1024  # keys that are objects at a time


class Places:
    """Where keys lie among others, by digests of 16 bytes: whole keys would take four times the memory.

    `first` [N] is the first place that has the same key.
    """

    def __init__(self, texts: pa.Array | Iterable[str]) -> None:
        keys = self._keys = texts if isinstance(texts, pa.Array) else column(texts)
        self._digests = np.zeros(len(keys), DIGEST)
        for start in range(0, len(keys), TOGETHER):
            self._digests[start : start + TOGETHER] = _digests(keys.slice(start, TOGETHER))
        self._order = np.argsort(self._digests, kind="stable")
        self.first = self.of(keys)

    @property
    def again(self) -> NDArray[np.intp]:
        """The places whose key is at an earlier one, too."""
        return np.flatnonzero(self.first != np.arange(len(self.first)))

    def __getitem__(self, place: int) -> str:
        return str(self._keys[place])

    def of(self, keys: pa.Array | pa.ChunkedArray) -> NDArray[np.intp]:
        """[keys] the first place of each, -1 where it is none of them."""
        found = np.full(len(keys), -1)
        for start in range(0, len(keys) if len(self._order) else 0, TOGETHER):
            asked = _digests(keys.slice(start, TOGETHER))
            ranks = np.searchsorted(self._digests, asked, sorter=self._order)
            places = self._order[np.minimum(ranks, len(self._order) - 1)]
            found[start : start + TOGETHER] = np.where(self._digests[places] == asked, places, -1)
        return found


def _digests(keys: pa.Array | pa.ChunkedArray) -> NDArray[np.bytes_]:
    return np.array([hashlib.blake2b(key.encode(), digest_size=16).digest() for key in keys.to_pylist()], DIGEST)


def column(texts: Iterable[str]) -> pa.Array:
    """The `texts` as an array, few as objects at a time."""
    parts = [pa.array(block, pa.string()) for block in blocks(texts, TOGETHER)]
    return pa.chunked_array(parts, pa.string()).combine_chunks()
