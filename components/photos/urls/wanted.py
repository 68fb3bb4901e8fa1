"""From the file that `photos.urls` names to the photos to ask for, each under a name of its own."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

from components.listing import BadRow, Columns, Row, read_csv, read_parquet
from model.errors import UserError

CARRIED = ("person", "licence", "consent", "query", "caption")  # columns that go into photos.csv as they are
COLUMNS = Columns("url", ("url", "sha256", *CARRIED))
READERS = {".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet}


@dataclass(frozen=True)
class Wanted:
    """A photo to ask for: its row, its address, the name that the address gives it, the SHA-256 it must have or ""."""

    row: Row
    url: httpx.URL
    key: str
    sha256: str


def read_wanted(path: Path) -> tuple[list[Wanted], list[BadRow]]:
    """The photos of a list in its order, and the rows that cannot be used.

    Raises `UserError` when the file is not there, is neither CSV nor Parquet, or has no column `url`.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"photos.urls '{path}' is neither .csv, .tsv nor .parquet: save the list as one of them")
    if not path.is_file():
        raise UserError(f"photos.urls '{path}' is no file: give the path of a list of URLs")
    rows, bad = reader(path, COLUMNS)
    lines: dict[str, int] = {}  # of the first row with the address
    wanted: list[Wanted] = []
    for row in rows:
        found = _wanted(path, row)
        if isinstance(found, Wanted) and found.key in lines:
            found = _bad(row, "duplicate_url", f"line {row.line} of {path.name} repeats line {lines[found.key]}")
        if isinstance(found, Wanted):
            lines[found.key] = row.line
            wanted.append(found)
        else:
            bad.append(found)
    return wanted, bad


def web_address(text: str) -> httpx.URL | None:
    """The address in `text`, without fragment; None unless it is http(s), with a host and without a password."""
    try:
        url = httpx.URL(text.strip()).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return None
    usable = url.scheme in ("http", "https") and url.raw_host and not url.userinfo and 0 < (url.port or 1) < 65536
    return url if usable else None


def _wanted(path: Path, row: Row) -> Wanted | BadRow:
    where = f"line {row.line} of {path.name}"
    url = web_address(row.cells["url"])
    if url is None:
        return _bad(row, "bad_url", f"{where} has no http or https address with a host and without a password")
    sha256 = row.cells["sha256"].strip().lower()
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        return _bad(row, "bad_hash", f"{where} has a sha256 that is not 64 hexadecimal digits")
    return Wanted(row, url, hashlib.sha256(str(url).encode()).hexdigest(), sha256)


def _bad(row: Row, reason: str, detail: str) -> BadRow:
    return BadRow(row.line, row.cells["url"].strip().replace("\0", "\\0"), reason, detail)
