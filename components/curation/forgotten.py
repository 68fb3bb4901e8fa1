"""Leaving out every photo that shows a person who is to be forgotten, by the tombstones of the photo folder."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.curation.examine import forget_marks
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.kept import KEY
from components.files import ID_DIGITS
from components.tombstones import Tombstones
from model.artefacts import cache_folder
from model.similarity import nearest
from model.training.feature_files import FEATURES, forget_features

log = logging.getLogger(__name__)
DETAIL = "it shows a person who is to be forgotten: delete the file that has this SHA-256"


class Forgotten(Tombstones):
    """The tombstones, applied to what curation finds."""

    def spare(self, photos: pa.Table) -> tuple[pa.Table, list[Reject]]:
        """The `listed` photos with no forgotten name that are not known to show a forgotten person, and the others."""
        if not self.people:
            return photos, []
        gone = np.zeros(len(photos), np.bool_)
        for place, (path, person, key) in enumerate(_rows(photos, ("path", "person", KEY))):
            gone[place] = self.named(path, person) or (key or "")[:ID_DIGITS] in self.photos
        digests = photos[KEY].filter(pa.array(gone))
        return photos.filter(pa.array(~gone)), self.rejects(digests.to_pylist())

    def shown(self, found: Found, recogniser: str) -> NDArray[np.bool_]:
        """[photos] which of the found photos show a forgotten person's face; warns of faces it cannot compare."""
        comparable = {stone.name_sha256 for stone in self.people if stone.recogniser == recogniser}
        strange = len({stone.name_sha256 for stone in self.people if stone.centre} - comparable)
        if strange:
            log.warning(
                "the faces of %d forgotten people were taken by another recogniser than this dataset's: new photos of "
                "them are known by name and file alone; curate with the recogniser of before, or look for them",
                strange,
            )
        shown = np.zeros(len(found.photos), np.bool_)
        for stone in self.people:
            if stone.recogniser == recogniser and len(found.photo):
                near = nearest(found.unit, np.array([stone.centre], np.float32)) >= stone.similarity
                shown[found.photo[near]] = True
        return shown

    @staticmethod
    def rejects(digests: Iterable[str | None]) -> list[Reject]:
        """Rejects that tell a photo by its digest: its path may say who it shows."""
        return [Reject(digest or "unreadable", "source", "forgotten", DETAIL) for digest in digests]


def drop_answers(photo_ids: Collection[str]) -> None:
    """Drop what the cache keeps of what examiners and a training's networks said of these photos."""
    forget_marks(photo_ids, cache_folder("marks"))
    forget_features(photo_ids, cache_folder(FEATURES))


def _rows(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in table.select(columns).to_batches(4096):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
