"""Rows that are dear to compute, kept under keys in a folder, so that a killed or a later run need not compute them.

Each part of rows is one parquet file that appears whole. Parts may be added by several processes at a time; joining
and removing need the folder for themselves.
"""

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.artefacts import new_file

KEY = "key"
TOGETHER = 4096  # rows of small parts that are put end to end while reading
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

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that no row is kept under, each once, in their order."""
        known = pa.concat_arrays([pa.array([], pa.string()), *(self._keys(part) for part in self._parts())])
        wanted = pa.array(list(dict.fromkeys(keys)), pa.string())
        return list(wanted.filter(pc.invert(pc.is_in(wanted, value_set=known))).to_pylist())

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep `rows` as one part; the same keys take the place of the part that had them."""
        name = hashlib.sha256("\n".join(row[KEY] for row in rows).encode()).hexdigest()[:32]
        self._write(self.folder / f"{name}.parquet", pa.Table.from_pylist(list(rows), schema=self.schema))

    def rows(self, keys: Sequence[str]) -> pa.Table:
        """One row for each of `keys`, in their order; raises `KeyError` where one is missing."""
        wanted = pa.array(list(keys), pa.string())
        among = set(keys)
        parts = (self._read(part) for part in self._parts())
        chosen = (
            table.filter(pa.array([key in among for key in table[KEY].to_pylist()], pa.bool_())) for table in parts
        )
        table = pa.concat_tables([self.schema.empty_table(), *_together(chosen)])
        places = pc.index_in(wanted, value_set=table[KEY].combine_chunks())  # the first of a key that is there twice
        if places.null_count:
            raise KeyError(wanted.filter(pc.is_null(places))[0].as_py())
        columns = dict(zip(self.schema.names, table.columns, strict=True))
        del table
        taken = {}
        for name in self.schema.names:  # one after the other, so that only one column is held twice
            column = columns.pop(name).combine_chunks()
            taken[name] = column.take(places)
        pa.default_memory_pool().release_unused()  # the pool would keep most of what small tables took
        return pa.table(taken, schema=self.schema)

    def scan(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """All rows, part by part, with these columns."""
        yield from (pq.read_table(part, columns=list(columns)) for part in self._parts())

    def join(self) -> None:
        """Make few parts of the small ones, unless there are few, or another process is at work in the folder."""
        parts = [part for part in self._parts() if part.stat().st_size < SMALL]
        with self._alone(wait=False) as alone:
            if alone and len(parts) >= JOIN_FROM:
                for group in _groups(parts):
                    self._replace(group, pa.concat_tables(_together(self._read(part) for part in group)))

    def remove(self, keys: Collection[str]) -> None:
        """Drop the rows of `keys`; waits until no other process is at work in the folder."""
        unwanted = pa.array(sorted(keys), pa.string())
        with self._alone(wait=True):
            for part in self._parts():
                table = self._read(part)
                kept = table.filter(pc.invert(pc.is_in(table[KEY], value_set=unwanted)))
                if len(kept) < len(table):
                    self._replace([part], kept)

    def _read(self, part: Path) -> pa.Table:
        return pq.read_table(part, schema=self.schema)

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _keys(self, part: Path) -> pa.Array:
        return pa.concat_arrays(pq.read_table(part, columns=[KEY])[KEY].chunks or [pa.array([], pa.string())])

    def _replace(self, parts: list[Path], table: pa.Table) -> None:
        """Put `table` in the place of `parts`; a kill in between leaves rows twice, which is harmless."""
        target = None
        if len(table):
            name = hashlib.sha256("\n".join(table[KEY].to_pylist()).encode()).hexdigest()[:32]
            target = self.folder / f"{name}.parquet"
            self._write(target, table)
        for part in parts:
            if part != target:
                part.unlink()

    def _write(self, path: Path, table: pa.Table) -> None:
        with new_file(path) as draft:
            pq.write_table(table, draft, compression="zstd")

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


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of `tables` in larger tables: each buffer of each column of a table has a price."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= TOGETHER:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
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
