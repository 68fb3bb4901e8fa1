"""The second pass: examiners look at the photos that may still be used, and what they say is kept for later runs.

An examiner sees only pixels, so its marks are kept under the photo's `image_id` and serve every run that meets the
photo again. Photos go through in parts of `PART`, one part a core; each finished part is kept at once.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.curation.album import Marks, Photo
from components.curation.found import Found
from components.curation.kept import KEY, Kept
from components.curation.parts import through
from components.curation.places import column
from model.progress import track

PART = 8
ROWS = pa.schema([(KEY, pa.string()), ("marks", pa.string())])


class Examiner(Protocol):
    """Says something of photos. `name` is a short word; `version` changes whenever the marks of a photo may."""

    name: str
    version: str

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of each of `photos`, RGB [H, W, 3]; called from several threads at a time."""
        ...


def examine(found: Found, examiner: Examiner, kept: Path) -> Sequence[Marks]:
    """The marks of each photo of `found`, in order; only photos without any in the folder `kept` are looked at."""
    version = hashlib.sha256(examiner.version.encode()).hexdigest()[:16]
    keys = column(_key(photo) for photo in found.photos)
    with Kept(kept / examiner.name / version, ROWS) as store:
        places = store.missing(keys).tolist()
        if places:
            for _ in track(_process(found, places, examiner, store), examiner.name, len(places), unit="photo"):
                pass
        store.join()
        return _Said(store.rows(keys, ["marks"])["marks"])


@dataclass(frozen=True)
class _Said(Sequence[Marks]):
    """Marks, one set a photo, taken out of their JSON when they are asked for."""

    column: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.column)

    @overload
    def __getitem__(self, place: int) -> Marks: ...
    @overload
    def __getitem__(self, place: slice) -> list[Marks]: ...
    def __getitem__(self, place: int | slice) -> Marks | list[Marks]:
        if isinstance(place, slice):
            return [json.loads(marks) for marks in self.column[place].to_pylist()]
        return json.loads(self.column[place].as_py())


def _process(found: Found, places: Sequence[int], examiner: Examiner, store: Kept) -> Iterator[int]:
    """Examine the photos at `places`, several parts at a time; yields each place when its part is kept."""

    def look(part: Sequence[int]) -> None:
        photos = list(found.photos.some(np.array(part)))
        marks = examiner.examine([photo.pixels("RGB") for photo in photos])
        store.add([{KEY: _key(photo), "marks": json.dumps(mark)} for photo, mark in zip(photos, marks, strict=True)])

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the parts fill the cores
    try:
        yield from through((places[start : start + PART] for start in range(0, len(places), PART)), look)
    finally:
        cv2.setNumThreads(threads)


def _key(photo: Photo) -> str:
    """The name of what an examiner sees of the photo: another for another size or a crop of it."""
    return "-".join([photo.image_id, *(str(edge) for edge in (photo.width, photo.height, *(photo.crop or ())))])


def forget_marks(ids: Collection[str], kept: Path) -> None:
    """Drop whatever any examiner said of the photos with these ids."""
    for folder in sorted(kept.glob("*/*/")):
        with Kept(folder, ROWS) as store:
            keys = [key for table in store.scan([KEY]) for key in table[KEY].to_pylist()]
            store.remove([key for key in keys if key.partition("-")[0] in ids])
