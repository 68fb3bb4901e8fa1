"""Rights of faces and people: gathered from the photos, and made up for in tables of schema 1, which had none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset.dataset import Dataset
from model.dataset.records import ADDED, read_table, write_table
from model.dataset.rights import rights_of_people
from model.errors import UserError
from tests.model.dataset.schema_1 import older


def change(folder: Path, table: str, row: int, **values: Any) -> None:
    rows = read_table(folder, table).to_pylist()
    rows[row] |= values
    write_table(folder, table, rows)


def test_a_person_has_what_occurs_in_their_photos_each_once_and_sorted() -> None:
    said = [("Bo", "b", "x"), ("Ada", "c", ""), ("Ada", "a", "x"), (None, "d", "y"), ("Ada", "c", "x")]
    names = ("identity", "licence", "consent")
    found = rights_of_people(pa.table(dict(zip(names, map(list, zip(*said, strict=True)), strict=True))))
    assert found["Ada"] == {"licences": ["a", "c"], "consents": ["", "x"]}
    assert found["Bo"] == {"licences": ["b"], "consents": ["x"]}
    assert set(found) == {"Ada", "Bo"}


def test_a_dataset_of_schema_1_reads_like_the_same_of_today(folder: Path) -> None:
    change(folder, "images", 1, licence="CC0-1.0", consent="verbal")  # of Ada
    change(folder, "faces", 1, licence="CC0-1.0", consent="verbal")
    change(folder, "identities", 0, licences=["CC-BY-4.0", "CC0-1.0"], consents=["signed", "verbal"])
    today = {name: read_table(folder, name) for name in ADDED}
    older(folder)
    assert all(read_table(folder, name).equals(table) for name, table in today.items())
    assert Dataset.open(folder).faces.loc["a2-0", "consent"] == "verbal"


def test_a_table_that_lacks_some_of_the_columns_is_of_no_schema(folder: Path) -> None:
    path = folder / "faces.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["consent"]), path)
    with pytest.raises(UserError, match=r"faces\.parquet has consent: None instead of string"):
        read_table(folder, "faces")


def _unlisted(folder: Path) -> None:
    write_table(folder, "images", read_table(folder, "images").to_pylist()[1:])


def _nothing(folder: Path) -> None:
    (folder / "images.parquet").unlink()


def _broken(folder: Path) -> None:
    (folder / "images.parquet").write_bytes(b"PAR1 not really")


def _nameless(folder: Path) -> None:
    path = folder / "images.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["image_id"]), path)


@pytest.mark.parametrize("table", ADDED)
@pytest.mark.parametrize("damage", [_unlisted, _nothing, _broken, _nameless])
def test_photos_of_schema_1_that_cannot_say_are_refused_in_a_sentence(
    folder: Path, damage: Callable[[Path], None], table: str
) -> None:
    older(folder)
    damage(folder)
    if damage is _unlisted and table == "identities":
        assert read_table(folder, table)["licences"].to_pylist() == [["CC-BY-4.0"], ["CC-BY-4.0"]]
        return
    with pytest.raises(UserError, match=r"^the dataset[^\n]*: curate the photos again$"):
        read_table(folder, table)
