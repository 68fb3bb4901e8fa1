"""What is seen in photos, kept by the content of their files, and put together again for all photos."""

import contextlib
import hashlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError, decode
from components.curation.found import Found, Photo
from components.curation.items import ID_DIGITS, Item, Reject
from components.curation.kept import KEY, Kept
from components.curation.measures import exposure, grey_of, photo_sharpness, sharpness, warmth
from components.curation.vectors import Vectors
from model.artefacts import link_file, new_file
from model.dataset.fingerprint import fingerprint, parse
from model.errors import UserError
from model.faces.analyser import Face
from model.faces.geometry import align

FACE_COLUMNS = {"box": 4, "landmarks": 10, "score": 1, "face_sharpness": 1, "face_exposure": 1}  # values per face
PHOTO_COLUMNS = ("width", "height", "sharpness", "exposure", "warmth")
FLOATS = pa.list_(pa.float32())
ROW = pa.schema(
    # blob: the file that has the JPEG; picture: fingerprint of the whole photo
    [(name, pa.string()) for name in (KEY, "refused", "detail", "blob", "picture")]
    + [(name, pa.int64()) for name in ("width", "height", "offset", "length", "dim")]
    + [(name, pa.float64()) for name in ("sharpness", "exposure", "warmth")]
    + [(name, FLOATS) for name in (*FACE_COLUMNS, "embedding")]
    + [("fingerprint", pa.list_(pa.string()))]
)


@dataclass(frozen=True)
class Looked:
    """A photo that was looked at: its row without the key and the place of the JPEG, and the JPEG."""

    row: dict[str, Any]
    jpg: bytes


def look_at(photo: Decoded, faces: Sequence[Face]) -> Looked:
    """Measure a decoded photo and its faces."""
    grey = grey_of(photo.pixels)
    crops = [align(grey, face.landmarks) for face in faces]
    columns: dict[str, list[Any]] = {
        "box": [face.box for face in faces],
        "landmarks": [face.landmarks.ravel() for face in faces],
        "score": [[face.score] for face in faces],
        "face_sharpness": [[sharpness(crop)] for crop in crops],
        "face_exposure": [[exposure(crop)] for crop in crops],
        "embedding": [face.embedding for face in faces],
    }
    row: dict[str, Any] = {
        name: np.concatenate(values).astype("f4") if values else [] for name, values in columns.items()
    }
    height, width = grey.shape
    row |= {"refused": None, "detail": None, "width": width, "height": height, "picture": fingerprint(grey)}
    row |= {"sharpness": photo_sharpness(grey), "exposure": exposure(grey), "warmth": warmth(photo.pixels)}
    row |= {"dim": len(faces[0].embedding) if faces else 0, "fingerprint": [fingerprint(crop) for crop in crops]}
    return Looked(row, photo.jpg)


class Looks:
    """Rows under the digests of the photos' files, and the JPEGs until the dataset has them. A context manager.

    The JPEGs are a convenience of one run: where one is gone, the photo's file is decoded again, to the same bytes.
    """

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "rows", ROW)
        self._jpgs = folder / "jpgs"

    def __enter__(self) -> Self:
        self._kept.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.__exit__(*error)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that were not looked at yet, each once, in their order."""
        return self._kept.missing(keys)

    def add(self, keys: Sequence[str], looked: Sequence[Looked | RefusedPhotoError]) -> None:
        """Keep what was seen in the photos `keys`: the JPEGs first, so that a kept row is a whole one."""
        blob = hashlib.sha256("".join(keys).encode()).hexdigest()[:32]
        rows: list[dict[str, Any]] = []
        offset = 0
        with new_file(self._jpgs / blob) as draft, open(draft, "wb") as file:
            for key, one in zip(keys, looked, strict=True):
                if isinstance(one, RefusedPhotoError):
                    rows.append(dict.fromkeys(ROW.names) | {KEY: key, "refused": one.reason, "detail": str(one)})
                    continue
                file.write(one.jpg)
                rows.append(one.row | {KEY: key, "blob": blob, "offset": offset, "length": len(one.jpg)})
                offset += len(one.jpg)
        self._kept.add(rows)

    def collect(
        self, keyed: Sequence[tuple[Item, str]], root: Path, config: CurationConfig
    ) -> tuple[Found, list[Reject]]:
        """All photos and faces of the items below `root`, in their order, and the refused photos."""
        table = self._kept.rows([key for _, key in keyed])
        photos: list[Photo] = []
        rejects: list[Reject] = []
        blobs: dict[str, Path] = {}  # neighbours share one
        for (item, _), row in zip(keyed, _rows(table.select(ROW.names[:13])), strict=True):
            if row["refused"] is None:
                blob = blobs.setdefault(row["blob"], self._jpgs / row["blob"])
                whole = partial(_jpg, blob, row["offset"], row["length"], root, item.path, config)
                measures = {name: row[name] for name in PHOTO_COLUMNS}
                measures["picture"] = int(row["picture"], 16)
                photos.append(Photo(item=item, image_id=row[KEY][:ID_DIGITS], whole=whole, **measures))
            else:
                rejects.append(Reject(item.path, "decode", row["refused"], row["detail"]))
        if rejects:
            table = table.filter(pc.is_null(table["refused"]))
        return _join(photos, table), rejects

    def give(self, keys: Sequence[str], folder: Path) -> None:
        """Write what was seen in the photos `keys` into `folder`, with their JPEGs as far as they are there."""
        lost = set(self.missing(keys))
        known = [key for key in dict.fromkeys(keys) if key not in lost]
        table = self._kept.rows(known)
        pq.write_table(table, folder / "rows.parquet", compression="zstd")
        (folder / "jpgs").mkdir()
        for blob in sorted(set(table["blob"].drop_null().to_pylist())):
            if (self._jpgs / blob).exists():
                link_file(self._jpgs / blob, folder / "jpgs" / blob)

    def take(self, folder: Path) -> None:
        """Keep what `give` wrote into `folder`; raises `UserError` where it is something else."""
        try:
            table = pq.read_table(folder / "rows.parquet", schema=ROW)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{folder} does not hold what was seen in photos ({error}): look at them again") from error
        self._jpgs.mkdir(parents=True, exist_ok=True)
        for blob in sorted((folder / "jpgs").glob("*")):
            if not (self._jpgs / blob.name).exists():
                link_file(blob, self._jpgs / blob.name)
        new = set(self.missing(table[KEY].to_pylist()))
        for batch in table.to_batches(max_chunksize=4096):
            rows = [row for row in batch.to_pylist() if row[KEY] in new]
            if rows:
                self._kept.add(rows)

    def showing(self, ids: Collection[str], centre: NDArray[np.float32], similarity: float) -> set[str]:
        """The keys of photos with one of the `ids`, or with a face at least so similar to `centre` [d]."""
        keys = set()
        for table in self._kept.scan([KEY, "dim", "embedding"]):
            for row in table.to_pylist():
                comparable = row["dim"] == len(centre)
                faces = np.array(row["embedding"] if comparable else [], np.float32).reshape(-1, len(centre) or 1)
                near = comparable and (faces @ centre >= similarity * np.linalg.norm(faces, axis=1)).any()
                if near or row[KEY][:ID_DIGITS] in ids:
                    keys.add(row[KEY])
        return keys

    def forget(self, keys: Collection[str]) -> None:
        """Drop all that is kept of the photos `keys`, and the JPEGs of all photos, which lie end to end."""
        shutil.rmtree(self._jpgs, ignore_errors=True)
        self._kept.remove(keys)

    def finish(self) -> None:
        """Drop the JPEGs, which the dataset has now, and tidy up the rows for later runs."""
        shutil.rmtree(self._jpgs, ignore_errors=True)
        self._kept.join()


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1024):  # all rows as Python objects would take much room
        yield from batch.to_pylist()


def _jpg(blob: Path, offset: int, length: int, root: Path, path: str, config: CurationConfig) -> bytes:
    # An earlier run may have dropped the blob: then the photo gives the same bytes again.
    with contextlib.suppress(FileNotFoundError), open(blob, "rb") as file:
        file.seek(offset)
        return file.read(length)
    try:
        return decode(root / path, config).jpg
    except RefusedPhotoError as error:
        raise UserError(f"the photo {root / path} changed while it was curated ({error}): run again") from error


def _join(photos: list[Photo], table: pa.Table) -> Found:
    """The rows of the photos' faces end to end."""
    flat = {name: _flat(table, name).reshape(-1, width) for name, width in FACE_COLUMNS.items()}
    counts = np.array(pc.list_value_length(table["score"]).to_pylist(), np.intp)
    dim = max((value for value in table["dim"].to_pylist()), default=0)
    prints = [value for row in table["fingerprint"].to_pylist() for value in row]
    return Found(
        photos=photos,
        photo=np.repeat(np.arange(len(photos)), counts),
        box=flat["box"],
        landmarks=flat["landmarks"],
        score=flat["score"][:, 0],
        sharpness=flat["face_sharpness"][:, 0],
        exposure=flat["face_exposure"][:, 0],
        fingerprint=parse(prints),
        embedding=Vectors.whole(_flat(table, "embedding").reshape(len(prints), dim)),
    )


def _flat(table: pa.Table, name: str) -> NDArray[np.float32]:
    return table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
