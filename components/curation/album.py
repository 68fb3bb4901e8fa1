"""A folder of photos as a sequence that makes each when it is asked for it: memory holds columns, no objects."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.curation.decode import JPEG_QUALITY
from components.curation.items import Item

BLOCK = 1024  # photos that are made at a time
Box = tuple[int, int, int, int]  # left, top, right, bottom
Marks = dict[str, Any]  # what examiners say of a photo, JSON values


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: its item, its size as stored (pixels), its measures, what gives the JPEG of it, and its marks.

    `crop` is the part of that JPEG that is stored, none for all of it; measures and marks are of the whole.
    """

    item: Item
    image_id: str
    width: int
    height: int
    sharpness: float
    exposure: float
    warmth: float
    picture: int  # fingerprint of the whole photo
    whole: Callable[[], bytes]
    marks: Marks = field(default_factory=dict)
    crop: Box | None = None

    def jpg(self) -> bytes:
        """The JPEG that goes into the dataset."""
        if self.crop is None:
            return self.whole()
        buffer = io.BytesIO()
        Image.open(io.BytesIO(self.whole())).crop(self.crop).save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()

    def pixels(self, mode: Literal["L", "RGB"]) -> NDArray[np.uint8]:
        """The same, grey [H, W] or in colour [H, W, 3]."""
        with Image.open(io.BytesIO(self.jpg())) as picture:
            return np.asarray(picture.convert(mode))


class Source(Protocol):
    """What photos are made from."""

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        """The photos of these rows."""
        ...


@dataclass(frozen=True)
class _Listed:
    photos: Sequence[Photo]

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        return [self.photos[row] for row in rows]


@dataclass(frozen=True)
class Album(Sequence[Photo]):
    """The photos of the ascending `rows` of `source`, with marks and crops that came later.

    `layers` are marks, each with the rows that they are of; `crops` are by row.
    """

    source: Source
    rows: NDArray[np.intp]
    layers: tuple[tuple[NDArray[np.intp], Sequence[Marks]], ...] = ()
    crops: Mapping[int, Box] = field(default_factory=dict)

    @classmethod
    def over(cls, photos: Sequence[Photo]) -> "Album":
        """All of `photos`, which are held in memory."""
        return cls(_Listed(photos), np.arange(len(photos)))

    def of(self, wanted: NDArray[np.bool_]) -> "Album":
        """The marked photos."""
        return replace(self, rows=self.rows[wanted])

    def marked(self, marks: Sequence[Marks]) -> "Album":
        """The photos with these marks too, one set a photo."""
        return replace(self, layers=(*self.layers, (self.rows, marks)))

    def cropped(self, crops: Mapping[int, Box]) -> "Album":
        """The photos with those at the places `crops` cropped."""
        return replace(self, crops={**self.crops, **{int(self.rows[place]): crop for place, crop in crops.items()}})

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Photo: ...
    @overload
    def __getitem__(self, place: slice) -> list[Photo]: ...
    def __getitem__(self, place: int | slice) -> Photo | list[Photo]:
        if isinstance(place, slice):
            return self._made(self.rows[place])
        return self._made(self.rows[[place]])[0]

    def __iter__(self) -> Iterator[Photo]:
        return self.some(np.arange(len(self.rows)))

    def some(self, places: NDArray[np.intp]) -> Iterator[Photo]:
        """The photos at `places`, in that order, many made at a time: each alone takes ten times as long."""
        for start in range(0, len(places), BLOCK):
            yield from self._made(self.rows[places[start : start + BLOCK]])

    def _made(self, rows: NDArray[np.intp]) -> list[Photo]:
        photos = self.source.some(rows)
        for marked, marks in self.layers:
            said = (marks[int(place)] for place in np.searchsorted(marked, rows))
            photos = [replace(photo, marks=photo.marks | more) for photo, more in zip(photos, said, strict=True)]
        return [self._crop(photo, self.crops.get(int(row))) for photo, row in zip(photos, rows, strict=True)]

    @staticmethod
    def _crop(photo: Photo, crop: Box | None) -> Photo:
        if crop is None:
            return photo
        return replace(photo, crop=crop, width=crop[2] - crop[0], height=crop[3] - crop[1])
