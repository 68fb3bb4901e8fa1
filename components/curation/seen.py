"""What was seen in all photos, put together from kept rows: photos and faces in columns, embeddings in a file."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.curation.album import Album, Photo
from components.curation.config import CurationConfig
from components.curation.decode import RefusedPhotoError, decode
from components.curation.found import Found
from components.curation.items import COLUMNS, Reject, items_of
from components.curation.kept import KEY, Kept
from components.curation.lines import TOGETHER, Lines
from components.curation.places import Places
from components.curation.vectors import Vectors
from components.files import ID_DIGITS
from model.dataset.fingerprint import parse
from model.errors import UserError
from model.matrix_file import MatrixFile

FACE = np.dtype(  # `row` is that of the embedding; 84 bytes a face
    [
        *[("box", "f4", 4), ("landmarks", "f4", 10), ("score", "f4"), ("sharpness", "f4"), ("exposure", "f4")],
        *[("fingerprint", "u8"), ("row", "i8")],
    ]
)
FACE_COLUMNS = {  # as the kept rows call them
    "box": "box",
    "landmarks": "landmarks",
    "score": "score",
    "face_sharpness": "sharpness",
    "face_exposure": "exposure",
}
MEASURES = {"width": "i4", "height": "i4", "sharpness": "f8", "exposure": "f8", "warmth": "f8"}
PLACE = {"offset": "i8", "length": "i4"}  # in the blob
NUMBERS = MEASURES | PLACE | {"picture": "u8", "id": "u8"}  # of a photo; `id` is the photo's id
BLOB = "V16"  # its name is these bytes in hex
PHOTO = np.dtype([*NUMBERS.items(), ("blob", BLOB), ("faces", "i4")])  # `faces` their number; 88 bytes
LINE = pa.schema(  # what was listed and what was seen
    [(name, pa.string()) for name in COLUMNS]
    + [(name, pa.from_numpy_dtype(kind)) for name, kind in NUMBERS.items()]
    + [("blob", pa.binary(np.dtype(BLOB).itemsize))]
)


@dataclass(frozen=True)
class SeenPhotos:
    """Makes photos from `lines`, of the schema `LINE`.

    JPEGs lie in blobs of `jpgs`, or are made anew; the photos' files are below `root`.
    """

    lines: Lines
    jpgs: Path
    root: Path
    config: CurationConfig

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        """The photos of these rows."""
        lines = self.lines.some(rows)
        columns = lines.select([*NUMBERS, "blob"]).to_pydict()
        return [
            Photo(
                item=item,
                image_id=f"{columns['id'][place]:0{ID_DIGITS}x}",
                picture=columns["picture"][place],
                whole=partial(self._jpg, item.path, blob.hex(), *(columns[name][place] for name in PLACE)),
                **{name: columns[name][place] for name in MEASURES},
            )
            for place, (item, blob) in enumerate(zip(items_of(lines), columns["blob"], strict=True))
        ]

    def _jpg(self, path: str, blob: str, offset: int, length: int) -> bytes:
        # An earlier run may have dropped the blob: then the photo gives the same bytes again.
        with contextlib.suppress(FileNotFoundError), open(self.jpgs / blob, "rb") as file:
            file.seek(offset)
            return file.read(length)
        try:
            return decode(self.root / path, self.config).jpg
        except RefusedPhotoError as error:
            raise UserError(
                f"the photo {self.root / path} changed while it was curated ({error}): run again"
            ) from error


def listed(items: pa.Table, files: pa.Table) -> pa.Table:
    """The `items` with `KEY`, the digest that `files` has for each one's path."""
    return items.append_column(KEY, files["sha256"].take(pc.index_in(items["path"], value_set=files["path"])))


def only(table: pa.Table, wanted: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The `wanted` rows; where they are all rows, as nearly always, the table itself and no copy of it."""
    return table if pc.all(wanted).as_py() else table.filter(wanted)


def gather(
    kept: Kept, photos: pa.Table, folder: Path, source: Callable[[Lines], SeenPhotos]
) -> tuple[Found, list[Reject]]:
    """All photos and faces that are `kept` of the photos `listed`, in their order, and the refused photos.

    Embeddings and what is known of photos go into files of `folder`. What is kept is read twice, so that each value
    goes to its place at once: first the photos with the number of their faces, then the faces. `source` makes photos.
    """
    keys = Places(photos[KEY].combine_chunks())
    seen, refused, dim = _photos(kept, keys)
    stays = np.ones(len(seen), np.bool_)
    stays[list(refused)] = False
    paths = photos["path"]
    rejects = [Reject(paths[place].as_py(), "decode", *why) for place, why in sorted(refused.items())]
    lines = Lines(folder, LINE, _lines(photos, seen))
    counts = seen["faces"].astype(np.intp)
    del seen
    matrix = MatrixFile(folder, dim)
    faces = _faces(kept, keys, np.cumsum(counts) - counts, counts, matrix)
    found = Found(
        photos=Album(source(lines), np.flatnonzero(stays)),
        photo=np.repeat(np.cumsum(stays) - 1, counts),
        **{name: faces[name] for name in (*FACE_COLUMNS.values(), "fingerprint")},
        embedding=Vectors(matrix, faces["row"]),
    )
    return found, rejects


def _photos(kept: Kept, keys: Places) -> tuple[NDArray[np.void], dict[int, tuple[str, str]], int]:
    """What was seen of each photo, why photos were refused, and the length of an embedding."""
    seen = np.zeros(len(keys.first), PHOTO)
    refused: dict[int, tuple[str, str]] = {}
    longest = 0
    columns = [KEY, "refused", "detail", "blob", "picture", "dim", "score", *MEASURES, *PLACE]
    for asked, found in kept.among(keys, columns):
        taken = found["refused"].is_null().to_numpy()
        for place, row in zip(asked[~taken], found.filter(pa.array(~taken)).to_pylist(), strict=True):
            refused[int(place)] = row["refused"], row["detail"]
        places, part = asked[taken], found.filter(pa.array(taken))
        for name in (*MEASURES, *PLACE):
            seen[name][places] = part[name].to_numpy()
        seen["blob"][places] = np.frombuffer(bytes.fromhex("".join(part["blob"].to_pylist())), BLOB)
        seen["picture"][places] = parse(part["picture"].to_pylist())
        seen["id"][places] = parse([key[:ID_DIGITS] for key in part[KEY].to_pylist()])
        seen["faces"][places] = pc.list_value_length(part["score"]).to_numpy()
        longest = max(longest, pc.max(part["dim"]).as_py() or 0)
    seen[keys.again] = seen[keys.first[keys.again]]
    refused |= {int(place): refused[first] for place in keys.again if (first := int(keys.first[place])) in refused}
    return seen, refused, longest


def _lines(photos: pa.Table, seen: NDArray[np.void]) -> Iterator[pa.Table]:
    """The rows of the photos `listed` with what was `seen` of them, a few at a time."""
    for start in range(0, len(seen), TOGETHER):
        part, listed = seen[start : start + TOGETHER], photos.slice(start, TOGETHER)
        blobs = pa.py_buffer(np.ascontiguousarray(part["blob"]))
        columns = [listed[name].cast(pa.string()) for name in COLUMNS] + [pa.array(part[name]) for name in NUMBERS]
        columns.append(pa.FixedSizeBinaryArray.from_buffers(LINE.field("blob").type, len(part), [None, blobs]))
        yield pa.table(columns, schema=LINE)


def _faces(
    kept: Kept, keys: Places, starts: NDArray[np.intp], counts: NDArray[np.intp], matrix: MatrixFile
) -> NDArray[np.void]:
    """The faces, those of a photo from its place in `starts` on; their embeddings go into `matrix`."""
    faces, dim = np.empty(counts.sum(), FACE), matrix.shape[1]
    for places, part in kept.among(keys, [*FACE_COLUMNS, "fingerprint", "embedding"]) if len(faces) else ():
        into = _ranges(starts[places], counts[places])
        for column, name in FACE_COLUMNS.items():
            faces[name][into] = _flat(part, column).reshape(len(into), *FACE[name].shape)
        faces["fingerprint"][into] = parse(pc.list_flatten(part["fingerprint"]).to_pylist())
        faces["row"][into] = matrix.shape[0] + np.arange(len(into))
        matrix.append(_flat(part, "embedding").reshape(-1, dim))
    into, first = (_ranges(starts[photos], counts[keys.again]) for photos in (keys.again, keys.first[keys.again]))
    faces[into] = faces[first]
    return faces


def _ranges(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The numbers from each of `starts` [N] on, as many as `counts` [N] says, end to end."""
    return np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)


def _flat(rows: pa.Table, name: str) -> NDArray[np.float32]:
    return rows[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
