"""What is seen in photos, kept by the content of their files, and put together again for all photos."""

import hashlib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.kept import KEY, Kept
from components.curation.measures import exposure, grey_of, photo_sharpness, sharpness, warmth
from components.curation.seen import FACE_COLUMNS, SeenPhotos, gather
from components.files import ID_DIGITS
from model.artefacts import link_file, new_file
from model.dataset.fingerprint import fingerprint
from model.errors import UserError
from model.faces.analyser import Face
from model.faces.geometry import align

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
        self._folder = folder
        self._kept = Kept(folder / "rows", ROW)
        self._jpgs = folder / "jpgs"

    def __enter__(self) -> Self:
        self._kept.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.__exit__(*error)

    def missing(self, keys: Sequence[str] | pa.Array) -> NDArray[np.intp]:
        """The places of those of `keys` that were not looked at yet, each key once, in their order."""
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

    def collect(self, photos: pa.Table, root: Path, config: CurationConfig) -> tuple[Found, list[Reject]]:
        """All photos and faces of the photos `listed` below `root`, in their order, and the refused photos."""
        return gather(self._kept, photos, self._folder, partial(SeenPhotos, jpgs=self._jpgs, root=root, config=config))

    def give(self, keys: Sequence[str], folder: Path) -> None:
        """Write what was seen in the photos `keys` into `folder`, with their JPEGs as far as they are there."""
        lost = {keys[place] for place in self.missing(keys)}
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
        keys = table[KEY].to_pylist()
        new = {keys[place] for place in self.missing(keys)}
        for batch in table.to_batches(max_chunksize=4096):
            rows = [row for row in batch.to_pylist() if row[KEY] in new]
            if rows:
                self._kept.add(rows)

    def showing(self, ids: Collection[str], centre: NDArray[np.float32], similarity: float) -> set[str]:
        """The keys of photos with one of the `ids`, or with a face at least so similar to `centre` [d]."""
        keys = set()
        for table in self._kept.scan([KEY, "dim", "embedding"]):
            for row in table.to_pylist():
                near = False
                if row["embedding"] and row["dim"] == len(centre):
                    faces = np.array(row["embedding"], np.float32).reshape(-1, len(centre))
                    near = bool((faces @ centre >= similarity * np.linalg.norm(faces, axis=1)).any())
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
