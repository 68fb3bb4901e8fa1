"""Leaving out every photo that shows a person who is to be forgotten, by the tombstones of the photo folder."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.curation.found import Found
from components.curation.items import ID_DIGITS, Item, Reject
from components.tombstones import Tombstones
from model.similarity import nearest

DETAIL = "it shows a person who is to be forgotten: delete the file that has this SHA-256"


class Forgotten(Tombstones):
    """The tombstones, applied to what curation finds."""

    def spare(self, items: Sequence[Item], digests: Mapping[str, str]) -> tuple[list[Item], list[Reject]]:
        """The items that neither bear a forgotten name nor are known to show a forgotten person, and the others."""
        ids = {photo for stone in self.people for photo in stone.photos}
        gone = {
            item.path
            for item in items
            if self.named(item.path, item.person) or digests.get(item.path, "")[:ID_DIGITS] in ids
        }
        return [item for item in items if item.path not in gone], self.rejects(sorted(gone), digests)

    def shown(self, found: Found, recogniser: str) -> NDArray[np.bool_]:
        """[photos] which of the found photos show a forgotten person's face."""
        shown = np.zeros(len(found.photos), np.bool_)
        for stone in self.people:
            if stone.recogniser == recogniser and len(found.photo):
                near = nearest(found.unit, np.array([stone.centre], np.float32)) >= stone.similarity
                shown[found.photo[near]] = True
        return shown

    @staticmethod
    def rejects(paths: Iterable[str], digests: Mapping[str, str]) -> list[Reject]:
        """Rejects that tell a photo by its digest: its path may say who it shows."""
        return [Reject(digests.get(path) or "unreadable", "source", "forgotten", DETAIL) for path in paths]
