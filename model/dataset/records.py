"""The dataset's four tables: their columns, and reading and writing them with the columns checked."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from model.dataset.rights import OF_PERSON, RIGHTS, faces_with_rights, people_with_rights
from model.errors import UserError

SCHEMA_VERSION = 2
READABLE = (1, SCHEMA_VERSION)  # 1 had no rights of faces and people
ROWS_AT_ONCE = 2048  # in a row group


def _columns(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name, kind in types.items()]


IMAGES = pa.schema(
    [
        *_columns(
            image_id=pa.string(),  # the first 16 hex digits of the source file's SHA-256
            path=pa.string(),  # relative to the photo folder, with forward slashes
            shard=pa.string(),  # relative to the dataset folder
            key=pa.string(),
            width=pa.int32(),
            height=pa.int32(),
            kind=pa.string(),  # 'single' or 'group'
            faces=pa.int32(),
            known=pa.int32(),
            caption=pa.string(),
            query=pa.string(),
            **dict.fromkeys(RIGHTS, pa.string()),
            split=pa.string(),  # 'train', 'heldout' or 'mixed'
            sharpness=pa.float32(),  # variance of the Laplacian of the grey photo (0..255) at 512 px
            exposure=pa.float32(),  # mean luma, 0..1
            tags=pa.list_(pa.string()),  # ImageNet labels of what it shows, most probable first; at most 5
        ),
        pa.field("aesthetic", pa.float32()),  # score of the user's aesthetic predictor; none: not scored
    ]
)
FACES = pa.schema(
    [
        *_columns(face_id=pa.string(), image_id=pa.string(), index=pa.int32()),
        pa.field("identity", pa.string()),
        *_columns(role=pa.string(), score=pa.float32()),  # role: 'reference', 'target' or 'unknown'
        pa.field("similarity", pa.float32()),  # cosine to the identity's centre
        *_columns(
            box=pa.list_(pa.float32(), 4),  # x1, y1, x2, y2 in pixels of the stored photo
            landmarks=pa.list_(pa.float32(), 10),  # x, y of eyes, nose, mouth corners; as seen, left to right
            embedding=pa.list_(pa.float32()),  # raw, of the training recogniser
            sharpness=pa.float32(),  # variance of the Laplacian of the aligned grey face (0..255) at 112 px
            fingerprint=pa.string(),  # perceptual hash of the aligned face, 16 hex digits; near-duplicates are close
            **dict.fromkeys(RIGHTS, pa.string()),  # of the photo
        ),
    ]
)
IDENTITIES = pa.schema(
    _columns(
        identity=pa.string(),
        references=pa.int32(),
        targets=pa.int32(),
        centre=pa.list_(pa.float32()),  # unit norm
        spread=pa.float32(),  # mean cosine of the references to the centre
        split=pa.string(),  # 'train' or 'heldout'
        **dict.fromkeys(OF_PERSON, pa.list_(pa.string())),  # of all photos of the person, each once, sorted
    )
)
REJECTS = pa.schema(_columns(path=pa.string(), stage=pa.string(), reason=pa.string(), detail=pa.string()))
ADDED = {"faces": RIGHTS, "identities": OF_PERSON}  # the columns that schema 1 lacked
TABLES: dict[str, pa.Schema] = {"images": IMAGES, "faces": FACES, "identities": IDENTITIES, "rejects": REJECTS}


class TableWriter:
    """Writes the table `name` of the dataset `folder` row by row, in memory that does not grow. A context manager."""

    def __init__(self, folder: Path, name: str) -> None:
        self.rows = 0
        self._name, self._schema = name, TABLES[name]
        self._file = pq.ParquetWriter(folder / f"{name}.parquet", self._schema, compression="zstd")
        self._waiting: list[Mapping[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; raises `ValueError` on a wrong or missing column."""
        for row in rows:
            if row.keys() != set(self._schema.names):
                odd = sorted(row.keys() ^ set(self._schema.names))
                raise ValueError(f"a row of {self._name} differs from its schema in {odd}")
            self._waiting.append(row)
            self.rows += 1
            if len(self._waiting) == ROWS_AT_ONCE:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []


def write_table(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows of table `name` as `folder/<name>.parquet`; raises `ValueError` on a wrong or missing column."""
    with TableWriter(folder, name) as writer:
        writer.add(rows)


def read_table(folder: Path, name: str) -> pa.Table:
    """Read table `name` of a dataset folder; raises `UserError` where it is missing, broken or of other columns."""
    path = Path(folder) / f"{name}.parquet"
    remedy = "curate the photos again"
    if not path.is_file():
        raise UserError(f"the dataset {folder} has no {path.name}: {remedy}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"the dataset table {path} cannot be read ({error}): {remedy}") from error
    schema = TABLES[name]
    older = name in ADDED and not set(ADDED[name]).intersection(table.column_names)
    for field in (each for each in schema if not older or each.name not in ADDED[name]):
        found = table.schema.field(field.name).type if field.name in table.column_names else None
        if found != field.type:
            raise UserError(f"the dataset table {path} has {field.name}: {found} instead of {field.type}: {remedy}")
    extra = sorted(set(table.column_names) - set(schema.names))
    if extra:
        raise UserError(f"the dataset table {path} has the unknown columns {', '.join(extra)}: {remedy}")
    try:
        table = _completed(Path(folder), name, table) if older else table
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError, KeyError, OSError) as error:  # nothing where something must be
        raise UserError(f"the dataset table {path} cannot be used ({error}): {remedy}") from error


def _completed(folder: Path, name: str, table: pa.Table) -> pa.Table:
    """The table of faces or people of a dataset of schema 1 with the rights that its photos have."""
    photos = read_table(folder, "images")
    if name == "faces":
        return faces_with_rights(table, photos)
    faces = pq.read_table(folder / "faces.parquet", columns=["image_id", "identity"])  # embeddings are many
    return people_with_rights(table, faces_with_rights(faces, photos))
