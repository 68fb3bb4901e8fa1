"""What was seen in all photos, put together from kept rows: photos and faces in columns, embeddings in a file."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
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
from components.curation.items import ID_DIGITS, Item
from components.curation.kept import KEY, Kept
from components.curation.vectors import Vectors
from model.dataset.fingerprint import parse
from model.errors import UserError
from model.matrix_file import MatrixFile

FACE_COLUMNS = {"box": 4, "landmarks": 10, "score": 1, "face_sharpness": 1, "face_exposure": 1}  # values per face
MEASURES = ("width", "height", "sharpness", "exposure", "warmth")
PLACE = ("blob", "offset", "length")
OF_ITEM = tuple(column.name for column in fields(Item))
REPEATED = ("person", "named_by", "source", "licence", "consent")  # columns of few values


@dataclass(frozen=True)
class SeenPhotos:
    """Makes photos from the columns of `table`, one row each; JPEGs lie in blobs of `jpgs`, or are made anew.

    The photos' files are below `root`.
    """

    table: pa.Table
    jpgs: Path
    root: Path
    config: CurationConfig

    def some(self, rows: NDArray[np.intp]) -> list[Photo]:
        """The photos of these rows."""
        return [
            Photo(
                item=Item(**{name: row[name] for name in OF_ITEM}),
                image_id=row["image_id"],
                picture=row["picture"],
                whole=partial(self._jpg, row["path"], row["blob"], row["offset"], row["length"]),
                **{name: row[name] for name in MEASURES},
            )
            for row in self.table.take(pa.array(rows)).to_pylist()
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


def listed(items: Sequence[Item], digests: Mapping[str, str]) -> pa.Table:
    """The `items` in columns, and as `KEY` what `digests` has for each one's path: objects would fill the memory."""
    columns = {name: pa.array([getattr(item, name) for item in items], pa.string()) for name in OF_ITEM}
    columns |= {name: columns[name].dictionary_encode() for name in REPEATED}
    return pa.table(columns | {KEY: pa.array([digests.get(item.path) for item in items], pa.string())})


def only(table: pa.Table, wanted: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The `wanted` rows; where they are all rows, as nearly always, the table itself and no copy of it."""
    return table if pc.all(wanted).as_py() else table.filter(wanted)


def photo_table(items: pa.Table, rows: pa.Table) -> pa.Table:
    """The columns of `SeenPhotos`, from the photos that are `listed` and their kept `rows`."""
    columns = {name: items[name].combine_chunks() for name in OF_ITEM}
    columns |= {name: rows[name].combine_chunks() for name in (*MEASURES, *PLACE)}
    columns["image_id"] = pc.utf8_slice_codeunits(rows[KEY].combine_chunks(), 0, ID_DIGITS)
    columns["picture"] = pa.array(_parsed(rows["picture"]))
    columns["blob"] = columns["blob"].dictionary_encode()
    return pa.table(columns)


def join(photos: SeenPhotos, rows: pa.Table, embedding: Vectors) -> Found:
    """The kept `rows` of `photos` as one, their faces end to end."""
    flat = {name: _flat(rows, name).reshape(-1, width) for name, width in FACE_COLUMNS.items()}
    return Found(
        photos=Album(photos, np.arange(len(rows))),
        photo=np.repeat(np.arange(len(rows)), face_counts(rows)),
        box=flat["box"],
        landmarks=flat["landmarks"],
        score=flat["score"][:, 0],
        sharpness=flat["face_sharpness"][:, 0],
        exposure=flat["face_exposure"][:, 0],
        fingerprint=_parsed(pc.list_flatten(rows["fingerprint"])),
        embedding=embedding,
    )


def face_counts(rows: pa.Table) -> NDArray[np.intp]:
    """[photos] faces in each of the kept `rows`."""
    return np.asarray(pc.list_value_length(rows["score"]).to_numpy().astype(np.intp))


def embeddings(kept: Kept, rows: pa.Table, folder: Path) -> Vectors:
    """Those of the faces of `rows`, in their order, from what is `kept`, in a file of `folder`."""
    dim, counts = pc.max(rows["dim"]).as_py() or 0, face_counts(rows)
    if not dim:
        return Vectors.whole(np.zeros((0, 0), np.float32))
    matrix = MatrixFile(folder, dim)
    keys = rows[KEY].combine_chunks()
    distinct = keys.unique()
    starts = np.zeros(len(distinct), np.intp)  # where the first face of each lies
    for places, part in kept.among(distinct, ["embedding"]):
        values = _flat(part, "embedding").reshape(-1, dim)
        ends = np.cumsum(pc.list_value_length(part["embedding"]).to_numpy() // dim)
        starts[places] = matrix.shape[0] + np.r_[0, ends[:-1]]
        matrix.append(values)
    starts = starts[pc.index_in(keys, value_set=distinct).to_numpy()]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return Vectors(matrix, np.repeat(starts, counts) + within)


def _flat(rows: pa.Table, name: str) -> NDArray[np.float32]:
    return rows[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)


def _parsed(fingerprints: pa.ChunkedArray) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(0, np.uint64), *map(parse, _lists(fingerprints))])


def _lists(column: pa.ChunkedArray) -> Iterator[list[str]]:
    for start in range(0, len(column), 4096):  # all as Python objects would take much room
        yield column.slice(start, 4096).to_pylist()
