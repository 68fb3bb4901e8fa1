"""Opening a dataset folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset.dataset import Dataset
from model.dataset.records import write_table
from model.errors import UserError


def test_tables_photos_and_embeddings_are_there(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert list(dataset.images.index) == ["a1", "a2", "b1", "g1", "g2"]
    assert dataset.embeddings.shape == (5, 8)
    assert dataset.centres.shape == (2, 8)
    assert list(dataset.faces_of("g1")["identity"]) == ["Ada"]
    assert dataset.faces_of("nobody").empty
    photo = dataset.image("a2")
    assert photo.shape == (16, 32, 3)
    assert photo.dtype == np.uint8
    assert abs(int(photo[0, 0, 0]) - 40) <= 2
    assert dataset.sample("b1").record == {"image_id": "b1"}


@pytest.mark.parametrize(
    ("table", "column", "matrix"), [("faces", "embedding", "embeddings"), ("identities", "centre", "centres")]
)
def test_vectors_are_held_once(folder: Path, table: str, column: str, matrix: str) -> None:
    dataset = Dataset.open(folder)
    before = np.stack(list(getattr(dataset, table)[column]))
    vectors = getattr(dataset, matrix)
    assert np.array_equal(vectors, before)
    after = getattr(dataset, table)[column]
    assert np.array_equal(np.stack(list(after)), before)
    assert all(np.shares_memory(vector, vectors) for vector in after)


def test_the_digest_names_the_content(folder: Path) -> None:
    before = Dataset.open(folder).digest
    assert Dataset.open(folder).digest == before
    write_table(folder, "rejects", [{"path": "x", "stage": "decode", "reason": "empty", "detail": ""}])
    assert Dataset.open(folder).digest != before


def test_what_is_no_dataset_is_refused_with_its_remedy(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a dataset"):
        Dataset.open(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema": 7}))
    with pytest.raises(UserError, match="has schema 7, this version reads 1 and 2"):
        Dataset.open(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["score"]), "has score: None instead of float"),
        (lambda table: table.append_column("extra", pa.array([1] * len(table))), "unknown columns extra"),
        (lambda table: table.set_column(0, "face_id", pa.array(range(len(table)))), "has face_id: int64"),
        (lambda table: pa.concat_tables([table, table]), "repeats a face_id"),
    ],
)
def test_a_table_of_other_columns_is_refused_by_name(
    folder: Path, change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    path = folder / "faces.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(UserError, match=message):
        _ = Dataset.open(folder).faces


def test_broken_and_missing_tables_are_refused(folder: Path) -> None:
    (folder / "faces.parquet").write_bytes(b"PAR1 not really")
    (folder / "identities.parquet").unlink()
    dataset = Dataset.open(folder)
    with pytest.raises(UserError, match="cannot be read"):
        _ = dataset.faces
    with pytest.raises(UserError, match=r"has no identities\.parquet"):
        _ = dataset.identities


def test_a_row_that_does_not_fit_is_an_error_of_the_writer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="detail"):
        write_table(tmp_path, "rejects", [{"path": "x", "stage": "decode", "reason": "empty"}])
