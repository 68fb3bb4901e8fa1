"""Reads lists of photos, in CSV as people and their spreadsheets write it or in Parquet, into rows of text."""

import csv
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import UserError
from model.parquet import batches

LISTING = "photos.csv"  # in a photo folder: what its owner says of the photos
LISTED = ("path", "person", "source", "licence", "consent", "query", "caption")  # its columns
READABLE = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer)
TOGETHER = 4096  # rows of Parquet that are objects at a time
MOST_NAMED = 20  # columns in a warning
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # of a file, harmless
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it ends on (Parquet: its number, from 1) and its cells, empty where the column is absent."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: its line, what stands in its key column, a machine word and a sentence."""

    line: int
    key: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Columns:
    """The columns that a list may have, and the one among them that every row must fill."""

    key: str
    known: tuple[str, ...]


def csv_rows(path: Path, columns: Columns) -> Iterator[Row | BadRow]:
    """The rows of a CSV file one by one, usable or not.

    UTF-8 with or without a byte order mark, or UTF-16 with one; commas, semicolons or tabs. Raises `UserError` when
    the key column is missing, a column comes twice, or the file is no CSV.
    """
    with _text(path) as file:
        delimiter, names = _header(path, file.readline(), columns)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)  # else a quote left open would swallow the rest
        begins = 1  # the line on which the next row does
        try:
            for number, cells in enumerate(reader):
                begins = reader.line_num + 1
                if number and any(cell.strip() for cell in cells):  # the first names the columns
                    yield _csv_row(path, reader.line_num, names, cells, columns)
        except csv.Error as error:
            raise UserError(f"{path} is not readable as CSV at line {begins} ({error}): mend that line") from error


def parquet_rows(path: Path, columns: Columns) -> Iterator[Row | BadRow]:
    """The rows of a Parquet file one by one, usable or not; a null is an empty cell.

    Raises `UserError` when the key column is missing, a known column comes twice or holds no text, or the file is no
    Parquet.
    """
    try:
        schema = pq.read_schema(path)
        names = [name.strip().casefold() for name in schema.names]
        _check_names(path, names, columns, schema.names)
        place = {name: schema.names[index] for index, name in enumerate(names) if name in columns.known}
        for name, column in place.items():
            _check_kind(path, name, schema.field(column).type)
        number = 0
        for batch in batches(path, list(place.values()), TOGETHER):
            texts = [_texts(batch.column(column)) for column in place.values()]
            for cells in zip(*texts, strict=True):
                number += 1
                yield _row(path, number, dict(zip(place, cells, strict=True)), columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last for names of columns
        sentence = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not readable as Parquet ({sentence}): write it again") from error


def _check_kind(path: Path, name: str, written: pa.DataType) -> None:
    kind = _kind(written)
    if not pa.types.is_null(kind) and not any(readable(kind) for readable in READABLE):
        what = "only text and whole numbers are read, so convert it"
        raise UserError(f"{path} has the column '{name}' of type {written}: {what}")


def _kind(written: pa.DataType) -> pa.DataType:
    return written.value_type if pa.types.is_dictionary(written) else written


def _texts(column: pa.Array) -> list[str]:
    """The texts of a column; bytes that are no UTF-8 stay as surrogates and are refused row by row."""
    kind = _kind(column.type)
    if pa.types.is_null(kind):
        return [""] * len(column)
    text = kind if pa.types.is_large_string(kind) else pa.string()  # a cast of text looks for bytes that are no UTF-8
    cells = column.cast(kind).cast(text).cast(pa.large_binary()).to_pylist()
    return [(cell or b"").decode("utf-8", "surrogateescape") for cell in cells]


def _text(path: Path) -> TextIO:
    """The file as text; bytes that are no UTF-8 stay as surrogates and are refused row by row."""
    with open(path, "rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
    return open(path, encoding=encoding, errors=errors, newline="")


def _header(path: Path, first: str, columns: Columns) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns, from the first line."""
    for delimiter in ",;\t":
        try:
            names = [name.strip().casefold() for name in next(csv.reader([first], delimiter=delimiter), [])]
        except csv.Error:  # such as a line of megabytes
            continue
        if columns.key in names:
            _check_names(path, names, columns, first.split(delimiter))
            return delimiter, names
    raise _no_key(path, first.split(","), columns)


def _check_names(path: Path, names: Sequence[str], columns: Columns, written: Sequence[str]) -> None:
    if columns.key not in names:
        raise _no_key(path, written, columns)
    twice = sorted({name for name in names if name in columns.known and names.count(name) > 1})
    if twice:
        raise UserError(f"{path} has the column '{twice[0]}' more than once: keep one")
    unknown = [name for name in names if name and name not in columns.known]
    if unknown:
        used = ", ".join(columns.known)
        warn_once(f"{path}: the columns {_few(unknown)} are not used; known ones are {used}")


@cache
def warn_once(sentence: str) -> None:
    """Say what is odd about a list, once a process: forgetting a person reads it again and again."""
    log.warning("%s", sentence)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:60] for name in names[:MOST_NAMED]) + more


def _no_key(path: Path, written: Iterable[str], columns: Columns) -> UserError:
    found = (", ".join(name.strip() for name in written) or "nothing")[:200]
    return UserError(f"{path} has no column '{columns.key}' (its first line is {found}): name the columns in that line")


def _csv_row(path: Path, line: int, names: list[str], cells: list[str], columns: Columns) -> Row | BadRow:
    named = dict(zip(names, cells, strict=False))
    if any(cell.strip() for cell in cells[len(names) :]):
        detail = f"line {line} of {path.name} has more cells than columns: quote cells that hold commas"
        return BadRow(line, shown(named.get(columns.key, "")), "extra_cells", detail)
    return _row(path, line, named, columns)


def _row(path: Path, line: int, named: dict[str, str], columns: Columns) -> Row | BadRow:
    cells = {name: named.get(name, "") for name in columns.known}
    told = shown(cells[columns.key])
    where = f"line {line} of {path.name}"
    if not all(is_utf8(cell) for cell in cells.values()):
        return BadRow(line, told, "encoding", f"{where} is not valid UTF-8: save the file as UTF-8")
    if not cells[columns.key].strip():
        return BadRow(line, told, f"no_{columns.key}", f"{where} has no {columns.key}")
    if any(len(cell) > csv.field_size_limit() for cell in cells.values()):
        return BadRow(line, told[:200], "long_cell", f"{where} has a cell of over {csv.field_size_limit()} characters")
    return Row(line, {name: cell.replace("\0", "") if name != columns.key else cell for name, cell in cells.items()})


def is_utf8(text: str) -> bool:
    """Whether the text can be written as UTF-8: bytes that are none are read as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str) -> str:
    """A cell or a path as it is put before a person: what is no UTF-8, and zeros, as escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def plain_name(text: str) -> str:
    """`text` where it is a harmless file name, else a name derived from it."""
    if PLAIN_NAME.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
