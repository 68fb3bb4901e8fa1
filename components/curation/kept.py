"""Rows that are dear to compute, kept under keys in a folder, so that a killed or a later run need not compute them.

Each part of rows is one parquet file that appears whole. Parts may be added by several processes at a time; joining
and removing need the folder for themselves.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.curation.places import Places
from model.artefacts import new_file
from model.parquet import batches

KEY = "key"
TOGETHER = 1024  # rows of small parts that are put end to end while reading
JOIN_FROM = 8  # small parts; fewer are left as they are
SMALL = 64_000_000  # bytes; larger parts are not written again to join them with others


class Kept:
    """The rows of `folder`; the first column of `schema` is the string `key`. Use it as a context manager."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder, self.schema = folder, schema
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def missing(self, keys: Sequence[str] | pa.Array) -> NDArray[np.intp]:
        """The places of those of `keys` that no row is kept under, each key once, in their order."""
        places = Places(keys)
        unknown = places.first == np.arange(len(keys))
        for table in _together(self.scan([])):
            found = places.of(table[KEY])
            unknown[found[found >= 0]] = False
        return np.flatnonzero(unknown)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep `rows` as one part; the same keys take the place of the part that had them."""
        table = pa.Table.from_pylist(list(rows), schema=self.schema)
        self._write(self._path([row[KEY] for row in rows]), [table])

    def rows(self, keys: Sequence[str] | pa.Array, columns: Sequence[str] | None = None) -> pa.Table:
        """One row for each of `keys`, in their order, with these columns or all; `KeyError` where one is missing."""
        asked = Places(keys)
        names = self.schema.names if columns is None else columns
        schema = pa.schema([self.schema.field(name) for name in names])
        rows, parts = np.zeros(len(asked.first), np.intp), [schema.empty_table()]
        for places, part in self.among(asked, names):
            rows[places] = sum(map(len, parts)) + np.arange(len(places))
            parts.append(part)
        table = pa.concat_tables(parts)
        order = rows[asked.first]
        remaining = dict(zip(names, table.columns, strict=True))
        del table, parts
        taken = {}
        for name in names:  # one after the other, so that only one column is held twice
            whole = remaining.pop(name).combine_chunks()
            taken[name] = whole.take(pa.array(order))
            del whole
            pa.default_memory_pool().release_unused()  # what small tables took is of no use to long columns
        return pa.table(taken, schema=schema)

    def among(self, keys: Places, columns: Sequence[str]) -> Iterator[tuple[NDArray[np.intp], pa.Table]]:
        """A row of each of `keys` as they lie, some at a time: the first place of its key, and these columns.

        Raises `KeyError` at the end where one is missing.
        """
        waiting = keys.first == np.arange(len(keys.first))
        for table in _together(self.scan(columns)):
            places = keys.of(table[KEY])
            _, once = np.unique(places, return_index=True)
            once = once[places[once] >= 0]
            once = once[waiting[places[once]]]  # a row may be there twice
            waiting[places[once]] = False
            yield places[once], table.select(list(columns)).take(pa.array(once))
        if waiting.any():
            raise KeyError(keys[int(np.argmax(waiting))])

    def scan(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """All rows, some at a time, with their keys and these columns."""
        for part in self._parts():
            yield from _tables(part, [KEY, *(name for name in columns if name != KEY)])

    def join(self) -> None:
        """Make few parts of the small ones, unless there are few, or another process is at work in the folder."""
        parts = [part for part in self._parts() if part.stat().st_size < SMALL]
        with self._alone(wait=False) as alone:
            if alone and len(parts) >= JOIN_FROM:
                for group in _groups(parts):
                    self._replace(group, lambda table: table)

    def remove(self, keys: Collection[str]) -> None:
        """Drop the rows of `keys`; waits until no other process is at work in the folder."""
        unwanted = pa.array(sorted(keys), pa.string())
        with self._alone(wait=True):
            for part in self._parts():
                if any(pc.any(pc.is_in(table[KEY], value_set=unwanted)).as_py() for table in _tables(part, [KEY])):
                    self._replace(
                        [part], lambda table: table.filter(pc.invert(pc.is_in(table[KEY], value_set=unwanted)))
                    )

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _replace(self, parts: list[Path], keep: Callable[[pa.Table], pa.Table]) -> None:
        """Put what is to be kept of `parts` in their place; a kill in between leaves rows twice, which is harmless."""

        def kept(columns: list[str]) -> Iterator[pa.Table]:
            return (keep(table) for table in _together(table for part in parts for table in _tables(part, columns)))

        some = any(len(table) for table in kept([KEY]))
        target = self._path(key for table in kept([KEY]) for key in table[KEY].to_pylist())
        if some:
            self._write(target, kept(self.schema.names))
        for part in parts:
            if part != target or not some:
                part.unlink()

    def _path(self, keys: Iterable[str]) -> Path:
        digest = hashlib.sha256()
        for key in keys:
            digest.update(f"{key}\n".encode())
        return self.folder / f"{digest.hexdigest()[:32]}.parquet"

    def _write(self, path: Path, tables: Iterable[pa.Table]) -> None:
        with new_file(path) as draft, pq.ParquetWriter(draft, self.schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)

    @contextmanager
    def _alone(self, wait: bool) -> Iterator[bool]:
        """Hold the folder alone, as far as that is possible without waiting where `wait` is False."""
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:  # an attempt gives up the shared lock, also one that fails
            fcntl.flock(self._lock, fcntl.LOCK_SH)


def _tables(part: Path, columns: list[str]) -> Iterator[pa.Table]:
    """The rows of a part with these columns, at most `TOGETHER` at a time."""
    for batch in batches(part, columns, TOGETHER):
        yield pa.Table.from_batches([batch]).select(columns)


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of `tables` in larger tables: each buffer of each column of a table has a price."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= TOGETHER:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
            pa.default_memory_pool().release_unused()  # the pool would keep most of what small tables took
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _groups(parts: list[Path]) -> Iterator[list[Path]]:
    """The `parts` in their order, in groups that are no longer small."""
    group: list[Path] = []
    size = 0
    for part in parts:
        group.append(part)
        size += part.stat().st_size
        if size >= SMALL:
            yield group
            group, size = [], 0
    if len(group) > 1:
        yield group
