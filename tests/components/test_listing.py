"""Lists in CSV and Parquet: the same rows from both, one sentence for what cannot be read, any bytes."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.listing import LISTED, BadRow, Columns, Row, csv_rows, parquet_rows
from model.errors import UserError

COLUMNS = Columns("url", ("url", "person"))
Rows = tuple[list[Row], list[BadRow]]


def apart(read: Iterable[Row | BadRow]) -> Rows:
    """The rows that can be used, and those that cannot."""
    rows = list(read)
    return [row for row in rows if isinstance(row, Row)], [row for row in rows if isinstance(row, BadRow)]


def read_csv(path: Path, columns: Columns) -> Rows:
    return apart(csv_rows(path, columns))


def read_parquet(path: Path, columns: Columns) -> Rows:
    return apart(parquet_rows(path, columns))


def parquet(columns: dict[str, pa.Array]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_parquet_gives_the_rows_that_csv_gives(kind: pa.DataType, tmp_path: Path) -> None:
    people = pa.array(["Ada", None, "é"]).cast(kind)
    (tmp_path / "a.parquet").write_bytes(parquet({" URL": pa.array(["u", "v", " "]), "person": people, "n": people}))
    (tmp_path / "a.csv").write_text("url,person\nu,Ada\nv,\n ,é\n")
    rows, bad = read_parquet(tmp_path / "a.parquet", COLUMNS)
    expected, expected_bad = read_csv(tmp_path / "a.csv", COLUMNS)
    assert [row.cells for row in rows] == [row.cells for row in expected]
    assert [row.reason for row in bad] == [row.reason for row in expected_bad] == ["no_url"]


def test_text_that_is_no_utf_8_costs_its_row_alone(tmp_path: Path) -> None:
    column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"u\xff", b"v"], pa.binary()).buffers())
    (tmp_path / "a.parquet").write_bytes(parquet({"url": column}))
    rows, bad = read_parquet(tmp_path / "a.parquet", COLUMNS)
    assert [row.cells["url"] for row in rows] == ["v"]
    assert [(row.key, row.reason) for row in bad] == [("u\\xff", "encoding")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"url": pa.array([1.5, 2])}, "column 'url' of type double: only text and whole numbers are read"),
        ({"url": pa.array([["a"]])}, "of type list"),
        ({"url": pa.array([{"person": "a"}])}, "of type struct"),
        ({"link": pa.array(["a"])}, "no column 'url'"),
        ({"url": pa.array(["a"]), "URL": pa.array(["a"])}, "'url' more than once"),
    ],
)
def test_a_parquet_file_that_cannot_be_read_is_one_sentence(
    columns: dict[str, pa.Array], message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet(columns))
    with pytest.raises(UserError, match=message):
        read_parquet(tmp_path / "a.parquet", COLUMNS)


def test_people_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"url": pa.array(["u", "v"]), "person": pa.array([17, None])}))
    rows, _ = read_parquet(tmp_path / "a.parquet", COLUMNS)
    assert [row.cells["person"] for row in rows] == ["17", ""]


def test_a_cell_that_no_csv_reader_takes_costs_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"url": pa.array(["u"]), "person": pa.array(["x" * 200_000])}))
    assert [row.reason for row in read_parquet(tmp_path / "a.parquet", COLUMNS)[1]] == ["long_cell"]


def test_a_quote_left_open_is_told_with_its_line_and_swallows_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('url,person\nu,"A\nB"\nv,"Ada\nw,Bo\n')
    with pytest.raises(UserError, match="not readable as CSV at line 4"):
        read_csv(tmp_path / "a.csv", COLUMNS)


def test_of_many_columns_that_are_not_used_a_few_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_text(",".join(["url", *(f"column{n}" for n in range(100_000))]) + "\nu\n")
    read_csv(tmp_path / "a.csv", COLUMNS)
    assert "column0, column1" in caplog.text
    assert "and 99980 more are not used" in caplog.text
    assert len(caplog.text) < 1000


WHOLE = parquet({"url": pa.array(["http://x/a", "b"]), "person": pa.array(["Ada", None])})
BROKEN = st.builds(
    lambda place, data: WHOLE[:place] + data + WHOLE[place + len(data) :],
    st.integers(0, len(WHOLE)),
    st.binary(max_size=8),
)


@example(WHOLE[:178] + b"\x80" + WHOLE[179:])  # a column whose name is no UTF-8
@settings(deadline=None, max_examples=100)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(b"url,person\n".__add__), BROKEN))
def test_any_bytes_are_rows_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "list"
    path.write_bytes(data)
    for reader in (read_csv, read_parquet):
        try:
            rows, bad = reader(path, COLUMNS)
        except UserError:
            continue
        assert all(row.cells["url"].strip() for row in rows)
        assert all(row.reason for row in bad)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.lists(CELL, min_size=len(LISTED), max_size=len(LISTED)), max_size=8))
def test_whatever_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([list(LISTED), *rows])
    path = tmp_path_factory.mktemp("csv") / "photos.csv"
    path.write_bytes(text.getvalue().encode())
    lines = list(csv_rows(path, Columns("path", LISTED)))
    read = [line for line in lines if isinstance(line, Row)]
    with_path = [row for row in rows if row[0].strip()]
    assert [[row.cells[name] for name in LISTED] for row in read] == with_path
    bad = [row for row in rows if not row[0].strip() and any(cell.strip() for cell in row)]
    assert len(lines) - len(read) == len(bad)
