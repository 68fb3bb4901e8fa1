"""WebDataset shards: samples of `.jpg .json .npz` in plain tars, written byte for byte the same, read at random."""

import io
import json
import os
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model.artefacts import file_digest
from model.dataset.tar_members import DamagedTarError, walk
from model.errors import UserError

Arrays = Mapping[str, NDArray[Any]]
MEMBERS = ("jpg", "json", "npz")


@dataclass(frozen=True)
class Sample:
    """One photo of a shard: its encoded picture, what is known of it, and its arrays (boxes, landmarks, embeddings)."""

    key: str
    jpg: bytes
    record: Mapping[str, Any]
    arrays: Arrays


@dataclass(frozen=True)
class Shard:
    """A written shard: its name relative to the dataset folder, its SHA-256 and its number of samples."""

    name: str
    sha256: str
    samples: int


def shard_name(part: str, number: int) -> str:
    """The name of a shard, relative to the dataset folder."""
    return f"{part}/part-{number:05d}.tar"


def shard_number(name: str) -> int:
    """The number in a shard's name."""
    return int(name.removesuffix(".tar").rpartition("-")[2])


def write_shards(
    folder: Path, part: str, samples: Iterable[Sample], per_shard: int, first: int = 0
) -> Iterator[tuple[Sample, str]]:
    """Write `samples` in their order to shards of `part` numbered from `first`, yielding each with its shard's name.

    The same samples give the same bytes: no times, owners or compression go into a tar.
    """
    (folder / part).mkdir(parents=True, exist_ok=True)
    tar: tarfile.TarFile | None = None
    name = ""
    try:
        for number, sample in enumerate(samples):
            if number % per_shard == 0:
                if tar is not None:
                    tar.close()
                name = shard_name(part, first + number // per_shard)
                tar = tarfile.open(folder / name, "w:", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (rolls over)
            assert tar is not None
            _append(tar, sample)
            yield sample, name
    finally:
        if tar is not None:
            tar.close()


def _append(tar: tarfile.TarFile, sample: Sample) -> None:
    for suffix, data in zip(MEMBERS, (sample.jpg, *pack_facts(sample.record, sample.arrays)), strict=True):
        add_member(tar, f"{sample.key}.{suffix}", data)


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Append a file without time and owner, so that the same content gives the same bytes."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(data))


def pack_facts(record: Mapping[str, Any], arrays: Arrays) -> tuple[bytes, bytes]:
    """The `json` and the `npz` member of a sample."""
    return json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False).encode(), pack_arrays(arrays)


def pack_arrays(arrays: Arrays) -> bytes:
    """The arrays as an uncompressed `.npz`; object arrays, which would be pickled, are refused with `ValueError`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz`; pickled content is refused with `ValueError`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def list_shards(folder: Path) -> list[Shard]:
    """All shards of a dataset folder with their digests, sorted by name."""
    names = [path.relative_to(folder).as_posix() for path in sorted(Path(folder).glob("*/part-*.tar"))]
    shards = []
    for name in names:
        with ShardReader(folder) as reader:  # one a shard: a reader keeps the index of all that it has read
            shards.append(Shard(name, file_digest(folder / name), len(reader.keys(name))))
    return shards


class ShardReader:
    """Reads samples by shard name and key. Each tar's headers are scanned once; threads may share a reader."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._open: dict[str, tuple[int, dict[str, tuple[int, int]]]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        # Worker processes get the folder alone: they open their own files.
        return type(self), (self._folder,)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for handle, _ in self._open.values():
                os.close(handle)
            self._open.clear()

    def path(self, shard: str) -> Path:
        """The file of a shard."""
        return self._folder / shard

    def keys(self, shard: str) -> list[str]:
        """The keys of a shard in its order."""
        return list(dict.fromkeys(name.partition(".")[0] for name in self._index(shard)[1]))

    def member(self, shard: str, key: str, suffix: str) -> bytes:
        """The raw bytes of one member, such as the `jpg` of a sample."""
        handle, index = self._index(shard)
        name = f"{key}.{suffix}"
        if name not in index:
            raise UserError(f"the shard {self._folder / shard} holds no {name}: curate the photos again")
        offset, size = index[name]
        data = os.pread(handle, size, offset)
        if len(data) != size:
            raise UserError(f"the shard {self._folder / shard} is cut short at {name}: curate the photos again")
        return data

    def read(self, shard: str, key: str) -> Sample:
        """One whole sample."""
        jpg, record, arrays = (self.member(shard, key, suffix) for suffix in MEMBERS)
        try:
            return Sample(key, jpg, json.loads(record), unpack_arrays(arrays))
        except Exception as error:  # a broken archive of arrays breaks in many ways
            fault = f"{type(error).__name__}: {error}"[:200]
            raise UserError(
                f"the sample {key} of the shard {self._folder / shard} is broken ({fault}): curate the photos again"
            ) from error

    def _index(self, shard: str) -> tuple[int, dict[str, tuple[int, int]]]:
        with self._lock:
            if shard not in self._open:
                path = self._folder / shard
                handle = _open(path)
                try:
                    self._open[shard] = (handle, _members(path))
                except UserError:
                    os.close(handle)
                    raise
            return self._open[shard]


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"the shard {path} cannot be opened ({error.strerror}): curate the photos again") from error


def _members(path: Path) -> dict[str, tuple[int, int]]:
    """Where each regular member's data lies in a tar: name to (offset, size)."""
    try:
        with open(path, "rb") as file:
            regular = (info for info in walk(file) if info.isreg() and not info.issparse())
            return {info.name: (info.offset_data, info.size) for info in regular}
    except (DamagedTarError, OSError) as error:
        raise UserError(f"the shard {path} is not a readable tar ({error}): curate the photos again") from error
