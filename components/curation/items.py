"""What enters curation and what is refused on the way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal, TypeVar

import pyarrow as pa

from model.dataset.rights import RIGHTS

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Item:
    """A photo to look at and what its owner says of it. `person` is empty when nobody is named.

    `named_by` says how far a name binds: one in a CSV does, the name of a folder is a hint that the faces must confirm.
    """

    path: str  # relative to the photo folder, with forward slashes
    person: str = ""
    named_by: Literal["", "csv", "folder"] = ""
    source: str = ""
    licence: str = ""
    consent: str = ""
    query: str = ""
    caption: str = ""


@dataclass(frozen=True, order=True, slots=True)
class Reject:
    """Something refused: its path, the stage, a short machine word, and a sentence for people."""

    path: str
    stage: Literal["source", "decode", "faces", "marks", "bank", "retrieve", "pairs"]
    reason: str
    detail: str


COLUMNS = tuple(column.name for column in fields(Item))
REPEATED = ("person", "named_by", *RIGHTS)  # columns of few values
SCHEMA = pa.schema(
    [(name, pa.dictionary(pa.int32(), pa.string()) if name in REPEATED else pa.string()) for name in COLUMNS]
)
TOGETHER = 4096  # items that are objects at a time


def item_table(items: Iterable[Item]) -> pa.Table:
    """The `items` in columns, in the order of their paths: as objects, millions would fill the memory."""
    parts = [SCHEMA.empty_table()]
    for block in blocks(items, TOGETHER):
        columns = [pa.array([getattr(item, name) for item in block], pa.string()) for name in COLUMNS]
        parts.append(pa.table(dict(zip(COLUMNS, columns, strict=True))).cast(SCHEMA))
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks().sort_by("path")


def blocks(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """The `entries`, so many at a time."""
    left = iter(entries)
    while block := list(islice(left, size)):
        yield block


def items_of(table: pa.Table) -> list[Item]:
    """The rows of such a table as objects; other columns are left out."""
    return [Item(**row) for row in table.select(COLUMNS).to_pylist()]
