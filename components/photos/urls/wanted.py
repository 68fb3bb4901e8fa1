"""From the file that `photos.urls` names to the photos to ask for, each under a name of its own."""

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from components.addresses import web_address
from components.listing import BadRow, Columns, Row, csv_rows, parquet_rows, shown
from model.errors import UserError

CARRIED = ("person", "licence", "consent", "query", "caption")  # columns that go into photos.csv as they are
OWN = ("query", "caption")  # of those the ones that differ from photo to photo; people and licences come again
COLUMNS = Columns("url", ("url", "sha256", *CARRIED))
READERS = {".csv": csv_rows, ".tsv": csv_rows, ".parquet": parquet_rows}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A photo to ask for: its line, its address as written, the name that this gives it, the SHA-256 it must have.

    `sha256` is "" where any will do; `carried` are the cells of the columns `CARRIED`.
    """

    line: int
    address: str
    key: str
    sha256: str
    carried: tuple[str, ...]

    @property
    def person(self) -> str:
        return self.carried[CARRIED.index("person")]

    @property
    def url(self) -> httpx.URL:
        """The address, without fragment. Made when it is asked for: millions would fill the memory."""
        url = web_address(self.address)
        assert url is not None
        return url


def read_wanted(path: Path) -> tuple[list[Wanted], list[BadRow]]:
    """The photos of a list in its order, and the rows that cannot be used.

    Raises `UserError` when the file is not there, is neither CSV nor Parquet, or has no column `url`.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"photos.urls '{path}' is neither .csv, .tsv nor .parquet: save the list as one of them")
    if not path.is_file():
        raise UserError(f"photos.urls '{path}' is no file: give the path of a list of URLs")
    lines: dict[str, int] = {}  # of the first row with the address
    wanted: list[Wanted] = []
    bad: list[BadRow] = []
    for row in reader(path, COLUMNS):
        found = _wanted(path, row) if isinstance(row, Row) else row
        if isinstance(found, Wanted) and found.key in lines:
            detail = f"line {found.line} of {path.name} repeats line {lines[found.key]}"
            found = BadRow(found.line, shown(found.address), "duplicate_url", detail)
        if isinstance(found, Wanted):
            lines[found.key] = found.line
            wanted.append(found)
        else:
            bad.append(found)
    return wanted, bad


def _wanted(path: Path, row: Row) -> Wanted | BadRow:
    where = f"line {row.line} of {path.name}"
    address = row.cells["url"].strip()
    url = web_address(address)
    if url is None:
        detail = f"{where} has no http or https address with a host and without a password"
        return BadRow(row.line, shown(address), "bad_url", detail)
    sha256 = row.cells["sha256"].strip().lower()
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        detail = f"{where} has a sha256 that is not 64 hexadecimal digits"
        return BadRow(row.line, shown(address), "bad_hash", detail)
    carried = tuple(row.cells[name] if name in OWN else sys.intern(row.cells[name]) for name in CARRIED)
    return Wanted(row.line, address, hashlib.sha256(str(url).encode()).hexdigest(), sha256, carried)
