"""Which photos of one person are one picture, for many people side by side; what was found is kept for later runs.

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

from components.curation.album import Photo
from components.curation.found import Found
from components.curation.kept import KEY, Kept
from components.curation.parts import results
from components.curation.registered import same_content

VERSION = 3  # counts up when a change in registered.py may change what is kept
PEOPLE = 1024  # whose comparisons are kept at a time
ROWS = pa.schema([(KEY, pa.string()), ("same", pa.string())])


@dataclass(frozen=True)
class Comparison:
    """The places [N] of one person's faces; those that are `apart` [N] are not compared with one another."""

    faces: NDArray[np.intp]
    apart: NDArray[np.bool_]


def compared(found: Found, people: Iterable[Comparison], folder: Path) -> Iterator[NDArray[np.bool_]]:
    """What `same_content` says of each of `people`, in order; what is known lies in `folder`."""
    waiting = iter(people)
    with Kept(folder / str(VERSION), ROWS) as store:
        while some := list(islice(waiting, PEOPLE)):
            photos = found.photos_of(np.concatenate([one.faces for one in some]))
            keys = [_key(found, one, islice(photos, len(one.faces))) for one in some]
            places = store.missing(keys).tolist()
            fresh = results((some[place] for place in places), lambda one: _pairs(found, one))
            rows = [{KEY: keys[place], "same": json.dumps(pairs)} for place, pairs in zip(places, fresh, strict=True)]
            if rows:
                store.add(rows)
            for one, pairs in zip(some, store.rows(keys, ["same"])["same"].to_pylist(), strict=True):
                same = np.zeros((len(one.faces), len(one.faces)), np.bool_)
                same[tuple(np.array(json.loads(pairs), np.intp).reshape(-1, 2).T)] = True
                yield same
        store.join()


def _pairs(found: Found, one: Comparison) -> list[list[int]]:
    told = found.copies(one.faces, one.faces)
    pairs: list[list[int]] = np.argwhere(same_content(found, one.faces, told, one.apart[:, None] & one.apart)).tolist()
    return pairs


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
