"""What the faces pass found: one entry per photo, and the faces of all photos as parallel arrays."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.curation.decode import JPEG_QUALITY
from components.curation.items import Item
from components.curation.vectors import Vectors
from model.dataset.fingerprint import near_duplicates, same_picture


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: its item, its size as stored (pixels), its measures, what gives the JPEG of it, and its marks.

    `crop` is the part of that JPEG (left, top, right, bottom) that is stored, none for all of it; measures and marks
    are of the whole.
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
    marks: dict[str, Any] = field(default_factory=dict)  # JSON values
    crop: tuple[int, int, int, int] | None = None

    def jpg(self) -> bytes:
        """The JPEG that goes into the dataset."""
        if self.crop is None:
            return self.whole()
        buffer = io.BytesIO()
        Image.open(io.BytesIO(self.whole())).crop(self.crop).save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()


@dataclass(frozen=True)
class Found:
    """The photos and, row by row, their N faces; a photo's faces are neighbours, best score first."""

    photos: list[Photo]
    photo: NDArray[np.intp]  # [N] the face's place in `photos`
    box: NDArray[np.float32]  # [N, 4] pixels of the stored photo
    landmarks: NDArray[np.float32]  # [N, 10]
    score: NDArray[np.float32]  # [N]
    sharpness: NDArray[np.float32]  # [N]
    exposure: NDArray[np.float32]  # [N]
    fingerprint: NDArray[np.uint64]  # [N]
    embedding: Vectors  # [N, d] raw

    @property
    def unit(self) -> Vectors:
        """[N, d] embeddings of length one."""
        return replace(self.embedding, unit=True)

    @cached_property
    def side(self) -> NDArray[np.float32]:
        """[N] shorter side of the boxes, pixels."""
        return np.minimum(self.box[:, 2] - self.box[:, 0], self.box[:, 3] - self.box[:, 1])

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """[photos] faces per photo."""
        return np.bincount(self.photo, minlength=len(self.photos))

    def copies(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """[N, M] whether two faces of one person, given by their places [N] and [M], come from one picture.

        The faces tell where a picture was cropped, the whole photos where it was shrunk until its faces are small.
        """
        prints, unit = self.fingerprint, self.unit
        faces = near_duplicates(prints[first], unit[first], prints[second], unit[second])
        return faces | same_picture(self._pictures[self.photo[first]], self._pictures[self.photo[second]])

    @cached_property
    def _pictures(self) -> NDArray[np.uint64]:
        return np.array([photo.picture for photo in self.photos], np.uint64)

    def keep(self, photos: NDArray[np.bool_], faces: NDArray[np.bool_]) -> "Found":
        """Only the marked photos, and of their faces only the marked ones."""
        faces = faces & photos[self.photo]
        if photos.all() and faces.all():
            return self
        place = np.cumsum(photos) - 1
        rows = {name: getattr(self, name)[faces] for name in _ROWS}
        kept = [photo for photo, wanted in zip(self.photos, photos, strict=True) if wanted]
        return replace(self, photos=kept, photo=place[self.photo[faces]], embedding=self.embedding.of(faces), **rows)


_ROWS = ("box", "landmarks", "score", "sharpness", "exposure", "fingerprint")
