"""An object store in a folder: in a process that mounts it, fsspec finds s3:// addresses below that folder."""

from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

STORE = "s3://store"  # the bucket that is the folder `store`


def mount(folder: Path) -> None:
    """Let the folders in `folder` be the buckets, until the process ends or `unmount`."""

    class Buckets(LocalFileSystem):
        protocol = "s3"

        @classmethod
        def _strip_protocol(cls, path: Any) -> str:
            return str(folder / str(path).removeprefix("s3://"))

    fsspec.register_implementation("s3", Buckets, clobber=True)


def unmount() -> None:
    """Let s3:// be Amazon's, or that of a server, as it was."""
    from s3fs import S3FileSystem

    fsspec.register_implementation("s3", S3FileSystem, clobber=True)
