"""Reads `photos.csv`, the list of a folder's photos, as people and their spreadsheets write it."""

import csv
import io
import logging
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from components.curation.items import Item, Reject
from model.errors import UserError

LISTING = "photos.csv"
COLUMNS = ("path", "person", "source", "licence", "consent", "query", "caption")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One row: the line it ends on and its cells, empty where the column is absent."""

    line: int
    path: str
    cells: dict[str, str]

    def item(self, path: str) -> Item:
        """The photo at `path` as this row describes it."""
        person = " ".join(unicodedata.normalize("NFC", self.cells["person"]).split())
        others = {name: self.cells[name].strip() for name in COLUMNS[2:]}
        return Item(path, person, "csv" if person else "", **others)


def read_listing(path: Path) -> tuple[list[Row], list[Reject]]:
    """The rows of `photos.csv` in their order, and a reject for each row that cannot be used.

    UTF-8 with or without a byte order mark, or UTF-16 with one; commas, semicolons or tabs. Raises `UserError` when
    there is no `path` column, a column comes twice, or the file is no CSV.
    """
    text = _text(path)
    delimiter, columns = _header(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    rejects: list[Reject] = []
    try:
        next(reader)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            row = _row(reader.line_num, columns, cells)
            if isinstance(row, Row):
                rows.append(row)
            else:
                rejects.append(row)
    except csv.Error as error:
        raise UserError(f"{path} is not readable as CSV at line {reader.line_num} ({error}): mend that line") from error
    return rows, rejects


def _text(path: Path) -> str:
    """The file as text; bytes that are no UTF-8 stay as surrogates and are refused row by row."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def _header(path: Path, text: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns."""
    first = io.StringIO(text, newline="").readline()
    names: list[str] = []
    for delimiter in ",;\t":
        names = [name.strip().casefold() for name in next(csv.reader([first], delimiter=delimiter), [])]
        if "path" in names:
            break
    else:
        found = ", ".join(name.strip() for name in first.split(",")) or "nothing"
        raise UserError(f"{path} has no column 'path' (its first line is {found[:200]}): name the columns in that line")
    twice = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
    if twice:
        raise UserError(f"{path} has the column '{twice[0]}' more than once: keep one")
    unknown = [name for name in names if name and name not in COLUMNS]
    if unknown:
        log.warning("%s: the columns %s are not used; known ones are %s", path, ", ".join(unknown), ", ".join(COLUMNS))
    return delimiter, names


def _row(line: int, columns: list[str], cells: list[str]) -> Row | Reject:
    named = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
    shown = named["path"].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")
    where = f"line {line} of {LISTING}"
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        return Reject(
            shown, "source", "extra_cells", f"{where} has more cells than columns: quote cells that hold commas"
        )
    if any(0xD800 <= ord(letter) <= 0xDFFF for cell in cells for letter in cell):
        return Reject(shown, "source", "encoding", f"{where} is not valid UTF-8: save the file as UTF-8")
    if not named["path"].strip():
        return Reject(shown, "source", "no_path", f"{where} has no path")
    return Row(line, named["path"], {name: named[name].replace("\0", "") for name in COLUMNS})
