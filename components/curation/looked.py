"""Finished parts of the faces pass, kept as files: a table of what was found, and the JPEGs it points into."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.curation.decode import Decoded, RefusedPhotoError
from components.curation.found import Found, Photo
from components.curation.items import Item, Reject
from components.curation.measures import exposure, grey_of, photo_sharpness, sharpness, warmth
from model.artefacts import new_file
from model.dataset.fingerprint import fingerprint, parse
from model.faces.analyser import Face
from model.faces.geometry import align

FACE_COLUMNS = {"box": 4, "landmarks": 10, "score": 1, "face_sharpness": 1, "face_exposure": 1}  # values per face
FLOATS = pa.list_(pa.float32())
PART = pa.schema(
    [("refused", pa.string()), ("detail", pa.string()), ("image_id", pa.string())]
    + [(name, pa.int64()) for name in ("width", "height", "offset", "length", "dim")]
    + [(name, pa.float64()) for name in ("sharpness", "exposure", "warmth")]
    + [(name, FLOATS) for name in (*FACE_COLUMNS, "embedding")]
    + [("fingerprint", pa.list_(pa.string()))]
)


@dataclass(frozen=True)
class Looked:
    """A photo that was looked at: its row of the part's table, without the place of the JPEG, and the JPEG."""

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
    row |= {"refused": None, "detail": None, "image_id": photo.image_id, "width": width, "height": height}
    row |= {"sharpness": photo_sharpness(grey), "exposure": exposure(grey), "warmth": warmth(photo.pixels)}
    row |= {"dim": len(faces[0].embedding) if faces else 0, "fingerprint": [fingerprint(crop) for crop in crops]}
    return Looked(row, photo.jpg)


class PartStore:
    """Parts in a folder, each under its key: `<key>.parquet`, and `<key>.jpgs` with the JPEGs end to end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, key: str) -> bool:
        """Whether the part is whole: its table is written last."""
        return (self._folder / f"{key}.parquet").exists()

    def write(self, key: str, looked: Sequence[Looked | RefusedPhotoError]) -> None:
        """Keep a part."""
        rows: list[dict[str, Any]] = []
        offset = 0
        with new_file(self._folder / f"{key}.jpgs") as draft, open(draft, "wb") as blob:
            for one in looked:
                if isinstance(one, RefusedPhotoError):
                    rows.append(dict.fromkeys(PART.names) | {"refused": one.reason, "detail": str(one)})
                    continue
                blob.write(one.jpg)
                rows.append(one.row | {"offset": offset, "length": len(one.jpg)})
                offset += len(one.jpg)
        with new_file(self._folder / f"{key}.parquet") as draft:
            pq.write_table(pa.Table.from_pylist(rows, schema=PART), draft)

    def collect(self, parts: Sequence[tuple[list[Item], str]]) -> tuple[Found, list[Reject]]:
        """All photos and faces of the parts, in their order, and the refused photos."""
        photos: list[Photo] = []
        rejects: list[Reject] = []
        tables = []
        for items, key in parts:
            table = pq.read_table(self._folder / f"{key}.parquet")
            store = self._folder / f"{key}.jpgs"
            for item, row in zip(items, table.select(PART.names[:11]).to_pylist(), strict=True):
                if row["refused"] is None:
                    photos.append(_photo(item, row, store))
                else:
                    rejects.append(Reject(item.path, "decode", row["refused"], row["detail"]))
            tables.append(table.filter(pc.is_null(table["refused"])))
        return _join(photos, pa.concat_tables([PART.empty_table(), *tables])), rejects


def _photo(item: Item, row: dict[str, Any], store: Path) -> Photo:
    names = ("image_id", "width", "height", "sharpness", "exposure", "warmth", "offset", "length")
    return Photo(item=item, store=store, **{name: row[name] for name in names})


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
        embedding=_flat(table, "embedding").reshape(len(prints), dim),
    )


def _flat(table: pa.Table, name: str) -> NDArray[np.float32]:
    return table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
