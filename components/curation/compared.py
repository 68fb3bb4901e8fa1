"""Which photos of one person are one picture, and how natural each looks; what was found is kept for later runs.

To compare photos is to read their pixels, which takes long, and nothing decides it but what the key is made of. So a
later run compares the photos of those people only of whom photos came, went or changed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from components.curation.album import Photo
from components.curation.found import Found
from components.curation.items import blocks
from components.curation.kept import KEY, Kept
from components.curation.measures import unnatural
from components.curation.parts import results
from components.curation.registered import same_content

VERSION = 6  # counts up when a change in registered.py or of `measures.unnatural` may change what is kept
SMALLER = 0.15  # log of lengths: a copy whose face is so much smaller is as bad as one deviation in its details
PEOPLE = 1024  # whose comparisons are kept at a time
ROWS = pa.schema([(KEY, pa.string()), ("same", pa.string()), ("unnatural", pa.string())])


@dataclass(frozen=True)
class Comparison:
    """The places [N] of one person's faces; those that are `apart` [N] are not compared with one another."""

    faces: NDArray[np.intp]
    apart: NDArray[np.bool_]


@dataclass(frozen=True)
class Compared:
    """What `same_content` says of one person's faces [N, N], and `measures.unnatural` [N], 0 where there is no copy."""

    same: NDArray[np.bool_]
    unnatural: NDArray[np.float64]


def compared(found: Found, people: Iterable[Comparison], folder: Path) -> Iterator[Compared]:
    """Compare the photos of each of `people`, in order; what is known lies in `folder`."""
    with Kept(folder / str(VERSION), ROWS) as store:
        for some in blocks(people, PEOPLE):
            photos = found.photos_of(np.concatenate([one.faces for one in some]))
            keys = [_key(found, one, islice(photos, len(one.faces))) for one in some]
            places = store.missing(keys).tolist()
            fresh = results((some[place] for place in places), lambda one: _compare(found, one))
            rows = [{KEY: keys[place], **_row(one)} for place, one in zip(places, fresh, strict=True)]
            if rows:
                store.add(rows)
            known = store.rows(keys, ["same", "unnatural"]).to_pylist()
            yield from (_read(row, len(one.faces)) for one, row in zip(some, known, strict=True))
        store.join()


def pictures(
    same: NDArray[np.bool_] | csr_array, length: NDArray[np.float32], unnatural: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """[N] the picture that each shows, as a number, and how much worse it does so than a large and plain one would.

    By which are the `same` [N, N], also through others: copies may differ more than from the original. `length` [N] is
    that of a face in pixels.
    """
    count, picture = connected_components(same, directed=False)
    largest = np.zeros(count)
    np.maximum.at(largest, picture, length)
    return picture, unnatural + (np.log(largest[picture] / length) / SMALLER) ** 2


def _compare(found: Found, one: Comparison) -> Compared:
    told = found.copies(one.faces, one.faces)
    same = same_content(found, one.faces, told, one.apart[:, None] & one.apart)
    values = np.zeros(len(one.faces))
    for place in np.flatnonzero((same & ~np.eye(len(same), dtype=np.bool_)).any(axis=1)):
        values[place] = unnatural(_face(found, int(one.faces[place])))
    return Compared(same, values)


def _face(found: Found, face: int) -> NDArray[np.uint8]:
    """The grey pixels of a face's box."""
    grey = found.photos[int(found.photo[face])].pixels("L")
    edge, corners = grey.shape[::-1], found.box[face].reshape(2, 2)
    left, top = np.floor(np.clip(corners[0], 0, np.subtract(edge, 1))).astype(int)
    right, bottom = np.ceil(np.clip(corners[1], (left + 1, top + 1), edge)).astype(int)
    return grey[top:bottom, left:right]


def _row(one: Compared) -> dict[str, str]:
    return {"same": json.dumps(np.argwhere(one.same).tolist()), "unnatural": json.dumps(one.unnatural.tolist())}


def _read(row: dict[str, str], faces: int) -> Compared:
    same = np.zeros((faces, faces), np.bool_)
    same[tuple(np.array(json.loads(row["same"]), np.intp).reshape(-1, 2).T)] = True
    return Compared(same, np.array(json.loads(row["unnatural"]), np.float64))


def _key(found: Found, one: Comparison, photos: Iterable[Photo]) -> str:
    """The digest of all that decides which of the photos are one picture."""
    key = hashlib.sha256()
    for photo in photos:
        key.update(f"{photo.image_id} {photo.width} {photo.height} {photo.crop} {photo.picture}\n".encode())
    faces = one.faces
    several = found.counts[found.photo[faces]] > 1
    measures = (found.box[faces], found.landmarks[faces], found.unit[faces], found.fingerprint[faces])
    for values in (*measures, several, one.apart):
        key.update(values.tobytes())
    return key.hexdigest()
