"""The files of a photo folder with the digest of each: the step `photos` lists them, curation knows photos by them."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.listing import is_utf8
from model.artefacts import file_digest, new_file, read_json
from model.cores import cores
from model.errors import UserError
from model.progress import track

ID_DIGITS = 16  # of a file's SHA-256 in hex: the id of its photo
NAME, ABOUT = "files.parquet", "photos.json"
TOGETHER = 4096  # files whose digests are in memory at a time
FILES = pa.schema([pa.field("path", pa.string(), nullable=False), pa.field("sha256", pa.string(), nullable=False)])


def write_files(folder: Path, photos: Path) -> str:
    """List the regular files below `folder` in `photos/files.parquet`; returns the SHA-256 of the whole in hex.

    Links are not followed, and names that begin with a dot left alone: neither can be a photo. A file that cannot be
    read has an empty digest; one whose name is no UTF-8 counts for the returned digest only, because nothing can refer
    to it.
    """
    paths = sorted(_walk(folder))
    pairs = track(_digests(folder, paths), "files", len(paths), unit="file")
    total = hashlib.sha256()
    with new_file(photos / NAME) as draft, pq.ParquetWriter(draft, FILES, compression="zstd") as table:
        while some := list(islice(pairs, TOGETHER)):
            for path, key in some:
                total.update(os.fsencode(path) + f"\0{key}\n".encode())
            known = [pair for pair in some if is_utf8(pair[0])]
            table.write_table(pa.table([[path for path, _ in known], [key for _, key in known]], schema=FILES))
    return total.hexdigest()


def refuse_no_picture(folder: Path) -> None:
    """Raise UserError where no file below `folder` begins like a picture; looks no further than the first that does."""
    for path in _walk(folder):
        try:
            Image.open(folder / path).close()
        except Image.DecompressionBombError:  # a picture all the same
            return
        except Exception:  # noqa: BLE001, S112  (codecs raise whatever broken data lets them stumble over)
            continue
        return
    raise UserError(
        f"photos.folder '{folder}' holds no picture that can be read: put photos into it themselves, as links to them "
        "are not followed, and save HEIC as JPEG"
    )


def _digests(folder: Path, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The paths with their files' digests; as tasks of the pool all at once, millions would fill the memory."""
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(paths), TOGETHER):
            some = paths[start : start + TOGETHER]
            yield from zip(some, pool.map(lambda path: digest(folder / path), some), strict=True)


def read_about(photos: Path) -> tuple[dict[str, Any], Path]:
    """What photos.json of the artefact `photos` says, and the folder with its files; UserError where it is no such."""
    try:
        about = read_json(photos / ABOUT)
        return about, photos / about["folder"]  # an absolute path stays as it is
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{photos} is not what the step photos writes (it lacks a good {ABOUT}): for a folder of pictures, "
            "run 'withanyone cast --set photos.folder=DIR --out PHOTOS' first and give PHOTOS"
        ) from error


def read_files(photos: Path) -> dict[str, str]:
    """The digest of each listed file by its path relative to the photo folder; raises UserError without a listing."""
    table = file_table(photos)
    return dict(zip(table["path"].to_pylist(), table["sha256"].to_pylist(), strict=True))


def file_table(photos: Path) -> pa.Table:
    """The same in the columns of `FILES`: for millions of photos, a dictionary would fill the memory."""
    try:
        return pq.read_table(photos / NAME, schema=FILES)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"the photos {photos} have no readable {NAME} ({error}): run the step photos again") from error


def digest_table(folder: Path, paths: Sequence[str]) -> pa.Table:
    """The digests of the files `paths` below `folder`, in the same columns."""
    return pa.table([paths, [digest(folder / path) for path in paths]], schema=FILES)


def _walk(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place) / name
            if not name.startswith(".") and _regular(path):
                yield path.relative_to(folder).as_posix()


def _regular(path: Path) -> bool:
    """Whether it is a regular file; one that may not be looked at counts, so that it is refused where it is read."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex; empty where it cannot be read."""
    try:
        return file_digest(path)
    except OSError:
        return ""
