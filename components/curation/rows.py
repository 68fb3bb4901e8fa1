"""The rows of the dataset's tables, made of the labelled photos."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.curation.album import Photo
from components.curation.captions import Captions
from components.curation.labels import Labels
from components.curation.vectors import BLOCK
from model.dataset.rights import RIGHTS, rights_of_people

Row = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A photo on its way into a shard, its row without the shard, and its faces' rows."""

    photo: Photo
    image: Row
    faces: list[Row]


class Shelf:
    """The photos in the order in which they go into shards; entries are made when they are asked for, and not kept.

    `splits` are one a photo.
    """

    def __init__(self, labels: Labels, splits: list[str], captions: Captions) -> None:
        self._labels, self._splits, self._captions = labels, splits, captions
        self._similarity = _similarities(labels)
        self._starts = np.concatenate([[0], np.cumsum(labels.found.counts)])
        self.order = np.lexsort((labels.found.ids, self._first_person()))

    def _first_person(self) -> NDArray[np.intp]:
        """[photos] the first person of each by name: one person's photos share few shards; strangers come last."""
        found, names, known = self._labels.found, self._labels.names, self._labels.identity >= 0
        rank = np.argsort(np.array(sorted(range(len(names)), key=names.__getitem__), np.intp))
        first = np.full(len(found.photos), len(names))
        np.minimum.at(first, found.photo[known], rank[self._labels.identity[known]])
        return first

    def entries(self, places: NDArray[np.intp]) -> Iterator[Entry]:
        """The rows of the photos at `places` among the found photos."""
        for place, photo in zip(places.tolist(), self._labels.found.photos.some(places), strict=True):
            yield self._entry(place, photo)

    def _entry(self, place: int, photo: Photo) -> Entry:
        found = self._labels.found
        rows = np.arange(self._starts[place], self._starts[place + 1])
        rows = rows[np.lexsort((found.box[rows, 1], found.box[rows, 0] + found.box[rows, 2]))]  # left to right
        faces = [_face_row(self._labels, photo, self._similarity, int(row), index) for index, row in enumerate(rows)]
        return Entry(photo, _image_row(photo, faces, self._splits[place], self._captions(photo, len(faces))), faces)


def identity_rows(labels: Labels, held: NDArray[np.bool_], table: pa.Table) -> Iterator[Row]:
    """One row per person, by name; `table` has the rows of the faces."""
    rights = rights_of_people(table)
    similarity = _similarities(labels)
    for person, faces in labels.faces_of():
        bank = faces[labels.reference[faces]]
        yield {
            "identity": labels.names[person],
            "references": len(bank),
            "targets": len(faces) - len(bank),
            "centre": labels.centres[person],
            "spread": float(similarity[bank].mean()),
            "split": "heldout" if held[person] else "train",
            **rights[labels.names[person]],
        }


def _similarities(labels: Labels) -> NDArray[np.float32]:
    """[N] the cosine of each face to its person's centre; meaningless where it has none."""
    similarity = np.empty(len(labels.identity), np.float32)
    for start in range(0, len(similarity), BLOCK):
        rows = slice(start, start + BLOCK)
        np.einsum("nd,nd->n", labels.found.unit[rows], labels.centres[labels.identity[rows]], out=similarity[rows])
    return similarity


def _face_row(labels: Labels, photo: Photo, similarity: NDArray[np.float32], row: int, index: int) -> Row:
    found = labels.found
    person = int(labels.identity[row])
    return {
        "face_id": f"{photo.image_id}-{index}",
        "image_id": photo.image_id,
        "index": index,
        "identity": labels.names[person] if person >= 0 else None,
        "role": "unknown" if person < 0 else "reference" if labels.reference[row] else "target",
        "score": float(found.score[row]),
        "similarity": float(similarity[row]) if person >= 0 else None,
        "box": found.box[row],
        "landmarks": found.landmarks[row],
        "embedding": found.embedding[row],
        "sharpness": float(found.sharpness[row]),
        "fingerprint": f"{int(found.fingerprint[row]):016x}",
        **_rights(photo),
    }


def _rights(photo: Photo) -> Row:
    return {name: getattr(photo.item, name) for name in RIGHTS}


def _image_row(photo: Photo, faces: list[Row], split: str, caption: str) -> Row:
    return {
        "image_id": photo.image_id,
        "path": photo.item.path,
        "key": photo.image_id,
        "width": photo.width,
        "height": photo.height,
        "kind": "single" if len(faces) == 1 else "group",
        "faces": len(faces),
        "known": sum(face["identity"] is not None for face in faces),
        "caption": caption,
        "query": photo.item.query,
        **_rights(photo),
        "split": split,
        "sharpness": photo.sharpness,
        "exposure": photo.exposure,
        "tags": [label for label, _ in photo.marks.get("tags", ())],
        "aesthetic": photo.marks.get("aesthetic"),
    }
