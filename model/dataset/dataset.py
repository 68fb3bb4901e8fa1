"""A dataset folder opened for reading: its tables, its photos by id, and the digest that names its version."""

import io
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from model.artefacts import files_digest, read_json
from model.dataset.records import READABLE, TABLES, read_table
from model.dataset.shards import Sample, ShardReader
from model.errors import UserError


class Dataset:
    """A curated dataset. Tables are pandas frames, loaded when first used; their columns are in `records`.

    A dataset can be sent to worker processes; each opens its own files.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._shards = ShardReader(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a dataset folder; raises `UserError` when it is none or of another schema version."""
        folder = Path(folder)
        path = folder / "manifest.json"
        if not path.is_file():
            raise UserError(f"{folder} is not a dataset (it has no manifest.json): give the folder that curate wrote")
        manifest = read_json(path)
        found = manifest.get("schema")
        if found not in READABLE:
            known = " and ".join(map(str, READABLE))
            raise UserError(f"{path} has schema {found}, this version reads {known}: curate the photos again")
        return cls(folder, manifest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest, which names every shard's digest, and of the tables, in hex."""
        names = ("manifest.json", *(f"{table}.parquet" for table in TABLES))
        return files_digest(self.folder, (self.folder / name for name in names))

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row per photo, indexed by `image_id` (also a column)."""
        return self._table("images", "image_id")

    @cached_property
    def faces(self) -> pd.DataFrame:
        """One row per face, indexed by `face_id` (also a column); sorted by photo, then by index."""
        return self._table("faces", "face_id")

    @cached_property
    def identities(self) -> pd.DataFrame:
        """One row per person, indexed by `identity` (also a column)."""
        return self._table("identities", "identity")

    @cached_property
    def rejects(self) -> pd.DataFrame:
        """One row per thing that was refused."""
        return read_table(self.folder, "rejects").to_pandas()

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        """[F, d] raw embeddings in the order of `faces`."""
        return _matrix(self.faces, "embedding", int(self.manifest["recogniser"]["dim"]))

    @cached_property
    def centres(self) -> NDArray[np.float32]:
        """[I, d] unit centres in the order of `identities`."""
        return _matrix(self.identities, "centre", int(self.manifest["recogniser"]["dim"]))

    def image_row(self, image_id: str) -> dict[Hashable, Any]:
        """The row of one photo."""
        return self.images.loc[[image_id]].iloc[0].to_dict()

    def face_row(self, face_id: str) -> dict[Hashable, Any]:
        """The row of one face."""
        return self.faces.loc[[face_id]].iloc[0].to_dict()

    def faces_of(self, image_id: str) -> pd.DataFrame:
        """The faces of one photo, by index."""
        return self.faces.loc[self._rows_of.get(image_id, [])]

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """The stored photo as [H, W, 3] RGB."""
        with Image.open(io.BytesIO(self.encoded(image_id))) as picture:
            return np.asarray(picture.convert("RGB"))

    def encoded(self, image_id: str) -> bytes:
        """The stored photo's file."""
        return self._shards.member(*self._place(image_id), "jpg")

    def sample(self, image_id: str) -> Sample:
        """The stored sample: the encoded photo, its record and its arrays."""
        return self._shards.read(*self._place(image_id))

    def _place(self, image_id: str) -> tuple[str, str]:
        return str(self.images.loc[image_id, "shard"]), str(self.images.loc[image_id, "key"])

    @cached_property
    def _rows_of(self) -> dict[str, Any]:
        return {str(image): group.index for image, group in self.faces.groupby("image_id", sort=False)}

    def _table(self, name: str, key: str) -> pd.DataFrame:
        frame = read_table(self.folder, name).to_pandas().set_index(key, drop=False)
        frame.index.name = None
        if not frame.index.is_unique:
            raise UserError(f"the table {name} of {self.folder} repeats a {key}: curate the photos again")
        return frame


def _matrix(frame: pd.DataFrame, column: str, dim: int) -> NDArray[np.float32]:
    """The vectors of a column, which shares the matrix from now on: beside its own they would be held twice."""
    if frame.empty:
        return np.zeros((0, dim), np.float32)
    matrix = np.stack([np.asarray(value, np.float32) for value in frame[column]])
    frame[column] = list(matrix)
    return matrix
