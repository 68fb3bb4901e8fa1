"""Reads `photos.csv`, the list of a folder's photos, as people and their spreadsheets write it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.curation.items import Item, Reject
from components.listing import LISTED, BadRow, Columns, csv_rows


def person_name(text: str) -> str:
    """A person's name in one form, however a spreadsheet or a file system writes it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True)
class Row:
    """One row: the line it ends on and its cells, empty where the column is absent."""

    line: int
    path: str
    cells: dict[str, str]

    def item(self, path: str) -> Item:
        """The photo at `path` as this row describes it."""
        person = person_name(self.cells["person"])
        others = {name: self.cells[name].strip() for name in LISTED[2:]}
        return Item(path, person, "csv" if person else "", **others)


def read_listing(path: Path) -> Iterator[Row | Reject]:
    """The rows of `photos.csv` in their order, with a reject for each row that cannot be used.

    Raises `UserError` when there is no `path` column, a column comes twice, or the file is no CSV.
    """
    for row in csv_rows(path, Columns("path", LISTED)):
        if isinstance(row, BadRow):
            yield Reject(row.key, "source", row.reason, row.detail)
        else:
            yield Row(row.line, row.cells["path"], row.cells)
