"""What the faces pass found: one entry per photo, and the faces of all photos as parallel arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.curation.album import Album, Box, Marks, Photo
from components.curation.vectors import Vectors
from model.dataset.fingerprint import near_duplicates, same_picture


@dataclass(frozen=True)
class Found:
    """The photos and, row by row, their N faces; a photo's faces are neighbours, best score first."""

    photos: Album
    photo: NDArray[np.intp]  # [N] the face's place in `photos`, ascending
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
    def length(self) -> NDArray[np.float32]:
        """[N] the root of the boxes' areas, pixels, at least 1."""
        width, height = np.maximum(self.box[:, 2:] - self.box[:, :2], 1).T
        return np.asarray(np.sqrt(width * height))

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """[photos] faces per photo."""
        return np.bincount(self.photo, minlength=len(self.photos))

    def copies(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """[N, M] whether two faces of one person, given by their places [N] and [M], come from one picture.

        The faces tell where a picture was cropped, the whole photos where it was shrunk until its faces are small.
        """
        whole = same_picture(self._pictures[self.photo[first]], self._pictures[self.photo[second]])
        return self.alike(first, second) | whole

    def alike(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """[N, M] the same told by the faces alone, as the dataset's tables tell it."""
        prints, unit = self.fingerprint, self.unit
        return near_duplicates(prints[first], unit[first], prints[second], unit[second])

    @cached_property
    def ids(self) -> NDArray[np.uint64]:
        """[photos] the photos' ids as numbers."""
        return np.fromiter((int(photo.image_id, 16) for photo in self.photos), np.uint64, len(self.photos))

    @cached_property
    def _pictures(self) -> NDArray[np.uint64]:
        return np.fromiter((photo.picture for photo in self.photos), np.uint64, len(self.photos))

    def photos_of(self, faces: NDArray[np.intp]) -> Iterator[Photo]:
        """The photo of each of `faces`, in their order."""
        return self.photos.some(self.photo[faces])

    def keep(self, photos: NDArray[np.bool_], faces: NDArray[np.bool_] | None = None) -> "Found":
        """Only the marked photos, and of their faces only the marked ones; None: all of them."""
        inside = photos[self.photo]
        faces = inside if faces is None else faces & inside
        if photos.all() and faces.all():
            return self
        place = np.cumsum(photos) - 1
        rows = {name: getattr(self, name)[faces] for name in _ROWS}
        kept = self.photos.of(photos)
        return replace(self, photos=kept, photo=place[self.photo[faces]], embedding=self.embedding.of(faces), **rows)

    def marked(self, marks: Sequence[Marks]) -> "Found":
        """With these marks of the photos, one set a photo, beside those that they have."""
        return replace(self, photos=self.photos.marked(marks))

    def cropped(self, crops: Mapping[int, Box]) -> "Found":
        """With the photos at the places `crops` cropped: sizes, boxes and landmarks are those of the crops."""
        shift = np.zeros((len(self.photos), 2), np.float32)
        for place, crop in crops.items():
            shift[place] = crop[:2]
        moved = shift[self.photo]
        box, landmarks = self.box - np.tile(moved, 2), self.landmarks - np.tile(moved, 5)
        return replace(self, photos=self.photos.cropped(crops), box=box, landmarks=landmarks)


_ROWS = ("box", "landmarks", "score", "sharpness", "exposure", "fingerprint")
