"""Samples of a part, one at a time: the members of a tar or the files of a folder, gathered by key."""

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from components.curation.items import Reject
from components.curation.multiid.layout import MEMBERS, Part
from components.listing import is_utf8, shown
from model.dataset.tar_members import DamagedTarError, walk

MOST_BYTES = {"jpg": 64 * 2**20, "json": 4 * 2**20, "npy": 16 * 2**20}
Refusal = tuple[str, str]  # a machine word and a sentence


@dataclass(frozen=True)
class Packed:
    """The members of one sample as bytes; `key` is their common name, with its folders."""

    key: str
    jpg: bytes
    json: bytes
    npy: bytes


@dataclass(frozen=True)
class _Entry:
    """A named file that can be read, or a reason why it cannot."""

    name: str
    size: int = 0
    read: Callable[[], bytes] = bytes
    refusal: Refusal | None = None


@dataclass
class _Gathered:
    """What was seen of the sample that is being gathered."""

    key: str
    entries: dict[str, _Entry] = field(default_factory=dict)
    refusal: Refusal | None = None


def samples_of(part: Part, name: str) -> Iterator[Packed | Reject]:
    """The whole samples of a part, and a reject for all else in it; rejects are called `<name>:<member>`.

    Members of a sample must be neighbours. Memory holds one sample. A damaged tar gives the samples before the damage.
    """
    with ExitStack() as stack:  # a tar stays open until its last sample was read
        for found in _gather(_entries(part.path, stack)):
            if isinstance(found, Packed):
                yield found
            else:
                key, (reason, detail) = found
                yield Reject(f"{name}:{shown(key)[:300]}" if key else name, "source", reason, detail)


def _entries(path: Path, stack: ExitStack) -> Iterator[_Entry]:
    try:
        if path.is_dir():
            yield from _folder_entries(path)
        else:
            file = stack.enter_context(open(path, "rb"))  # noqa: SIM115 (the stack closes it)
            yield from _tar_entries(file)
    except OSError as error:
        yield _Entry("", refusal=("unreadable", f"it cannot be read: {error.strerror}"))


def _gather(entries: Iterable[_Entry]) -> Iterator[Packed | tuple[str, Refusal]]:
    seen: set[str] = set()
    current = _Gathered("")
    for entry in entries:
        if entry.refusal:
            yield entry.name, entry.refusal
            continue
        folder, _, base = entry.name.rpartition("/")
        stem, _, suffix = base.partition(".")
        suffix = suffix.lower()
        key = f"{folder}/{stem}" if folder else stem
        if suffix not in MEMBERS:
            yield entry.name, ("unknown_member", f"it is none of .{', .'.join(MEMBERS)}")
            continue
        if key != current.key:
            yield from _whole(current)
            current = _Gathered(key)
            if key in seen:
                current.refusal = ("duplicate_key", "an earlier sample of the part has the same key")
            seen.add(key)
        if suffix in current.entries:
            current.refusal = ("duplicate_member", f"the sample has its .{suffix} twice")
        current.entries[suffix] = entry
    yield from _whole(current)


def _whole(sample: _Gathered) -> Iterator[Packed | tuple[str, Refusal]]:
    """The sample with its bytes, or why it is not used; nothing where none was begun."""
    if not sample.entries:
        return
    missing = [f".{suffix}" for suffix in MEMBERS if suffix not in sample.entries]
    large = [f".{suffix}" for suffix, entry in sample.entries.items() if entry.size > MOST_BYTES[suffix]]
    if sample.refusal:
        yield sample.key, sample.refusal
    elif missing:
        yield sample.key, ("missing_member", f"the sample has no {' and no '.join(missing)}")
    elif large:
        yield sample.key, ("too_large", f"its {large[0]} is larger than {MOST_BYTES[large[0][1:]]} bytes")
    else:
        try:
            yield Packed(sample.key, **{suffix: sample.entries[suffix].read() for suffix in MEMBERS})
        except OSError as error:
            yield sample.key, ("unreadable", f"it cannot be read: {error.strerror}")


def _tar_entries(file: BinaryIO) -> Iterator[_Entry]:
    try:
        for info in walk(file):
            if not info.isdir():
                name = PurePosixPath(info.name).as_posix()  # without ./ and double slashes
                read = partial(os.pread, file.fileno(), info.size, info.offset_data)
                yield _Entry(name, info.size, read, _member_refusal(info))
    except DamagedTarError as error:
        yield _Entry("", refusal=(error.reason, str(error)))


def _member_refusal(info: tarfile.TarInfo) -> Refusal | None:
    if not info.isreg() or info.issparse():
        return "not_a_file", "the member is a link, a device, sparse or of an unknown kind: only files are read"
    if info.name.startswith("/") or ".." in info.name.split("/") or "\0" in info.name or "\\" in info.name:
        return "unsafe_name", "the member's name leads out of the tar's own folder"
    if not is_utf8(info.name):
        return "encoding", "the member's name is not valid UTF-8"
    return None


def _folder_entries(folder: Path) -> Iterator[_Entry]:
    """The files right in a folder; links to files are followed, for they are only read."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name.partition(".")):
        if shown(path.name) != path.name:
            yield _Entry(path.name, refusal=("encoding", "the file's name is not valid UTF-8"))
        elif path.is_file():
            yield _Entry(f"{folder.name}/{path.name}", path.stat().st_size, path.read_bytes)
        else:
            yield _Entry(path.name, refusal=("not_a_file", "it is no file"))
