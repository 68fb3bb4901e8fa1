"""Walk a tar of any origin: every member once, and an error wherever it ends before its end mark."""

import os
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from model.errors import RefusedItemError

BLOCK = tarfile.BLOCKSIZE
MOST_HEADER = 16 * 2**10  # bytes of a long name or of extended attributes, which are read as a whole
LONG_NUMBER = re.compile(rb"\d{64}")  # looking for records after it would take the square of its length


class DamagedTarError(RefusedItemError):
    """A tar that cannot be read further."""


class _Headers:
    """The file as `tarfile` may see it: headers of bounded size, nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int) -> bytes:
        if not 0 <= count <= MOST_HEADER:
            raise tarfile.ReadError(f"a header of {count} bytes is more than {MOST_HEADER}")
        data = self._file.read(count)
        if count > BLOCK and LONG_NUMBER.search(data):
            raise tarfile.ReadError("a header holds an absurd number")
        return data


def walk(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The members of an uncompressed tar in their order, with memory for one; data lies at `offset_data`, `size` bytes.

    Members of every kind are given: it is for the caller to take files alone. Raises `DamagedTarError` where the tar is
    none, broken, or without its end mark; what came before is sound.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    last = -1
    try:
        with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:  # type: ignore[call-overload]
            while (info := tar.next()) is not None:
                if info.size < 0 or info.offset_data <= last:
                    raise DamagedTarError("damaged", f"a header at byte {info.offset} leads back")
                if info.isreg() and info.offset_data + info.size > length:
                    raise DamagedTarError("truncated", f"the file ends inside the member at byte {info.offset}")
                last = info.offset_data
                yield info
                tar.members.clear()
            file.seek(tar.offset)
    except (DamagedTarError, GeneratorExit):
        raise
    except tarfile.ReadError as error:
        reason = "not_a_tar" if last < 0 else "truncated" if "end of data" in str(error) else "damaged"
        raise DamagedTarError(reason, f"it is no readable tar from there on: {error}"[:300]) from error
    except Exception as error:  # tarfile lets broken numbers and texts of extended headers through
        raise DamagedTarError("damaged", f"a header is broken: {type(error).__name__}: {error}"[:300]) from error
    mark = file.read(BLOCK)
    if len(mark) < BLOCK:
        raise DamagedTarError("truncated", "it ends without an end mark")
    if any(mark):
        raise DamagedTarError("damaged", "a header is broken: its checksum is wrong")
