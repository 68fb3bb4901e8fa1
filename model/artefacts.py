"""Reading and writing artefacts: outputs appear whole or not at all, digests say what they hold."""

import ctypes
import errno
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from model.errors import BusyError, UserError

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of renameat2(2)
DRAFT, LOCK = ".withanyone-draft", "lock"  # ending of a draft's folder, and the file in it that its writer holds locked


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `path`, which another process deletes once this one was killed, and never before.

    The lock in it tells: the system takes it back from the dead. It is held before the folder has its ending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.resolve())
    place = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with (place / LOCK).open("w") as lock:
            with suppress(OSError):  # a file system without locks: there nobody can have it, and nothing is swept
                fcntl.flock(lock, fcntl.LOCK_EX)
            place = place.rename(f"{place}{DRAFT}")
            yield place
    except Exception as error:
        if said := re.search(r"\(os error (\d+)\)$", str(error)):  # safetensors has no other word for a full disk
            number = int(said[1])
            raise OSError(number, os.strerror(number), str(path)) from error
        raise
    finally:
        _discard(place, path)


def _discard(place: Path, path: Path) -> None:
    """Delete a draft of `path`, unless it holds the only whole one: what ended its writer fell between two renames."""
    if path.exists() or not (place / "old").exists():
        shutil.rmtree(place, ignore_errors=True)


@functools.cache  # once a process: scratch is written by the thousand
def _sweep(folder: Path) -> None:
    """Delete the drafts in `folder` whose writers are dead."""
    for place in folder.glob(f".*.????????{DRAFT}"):
        if _abandoned(place):
            _discard(place, folder / place.name.removesuffix(DRAFT)[1 : -len(".????????")])


def _abandoned(place: Path) -> bool:
    """Whether nobody writes the draft `place`: its lock is free, or gone, which only deleting a draft does."""
    try:
        with (place / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:  # somebody holds it, or the file system has no locks to tell by
        return False
    return True


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden folder that takes the name `path` when the block ends well, replacing an older one.

    A link stays one: what is replaced, or made, is the folder that it names.
    """
    path = Path(path).resolve()
    with _draft(path) as place:
        draft = place / "new"
        draft.mkdir()
        mode = draft.stat().st_mode
        yield draft
        draft.chmod(mode)  # another folder, with the mode of its source, may have been put there
        _sync_tree(draft)
        _replace_folder(draft, path, place)


@contextmanager
def kept_folder(path: Path) -> Iterator[Path]:
    """As `new_folder`, but a block that was killed or failed finds what it wrote: the draft keeps its name and content.

    Raises `BusyError` while another process writes the same folder.
    """
    path = path.resolve()
    draft = path.parent / f".{path.name}.unfinished"
    draft.mkdir(parents=True, exist_ok=True)
    handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"another process is writing {path}: wait for it, or give another folder") from error
        yield draft
        _sync_tree(draft)
        if path.exists():
            with _draft(path) as place:  # a draft that is kept for the next process must never hold what was replaced
                _replace_folder(draft.rename(place / "new"), path, place)
        else:
            draft.rename(path)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with open(file, "rb") as handle:
                os.fsync(handle.fileno())


def _replace_folder(new: Path, path: Path, place: Path) -> None:
    """Rename `new` to `path`. A full folder cannot be renamed over, so the two take each other's names.

    Where the file system cannot do that at once, the old one steps aside into `place`; a kill right then leaves none.
    """
    if path.exists():
        if _exchanged(new, path):
            return
        path.rename(place / "old")
    new.rename(path)


def _exchanged(one: Path, other: Path) -> bool:
    """Let both take each other's name in one step; False where the system or the file system has no such thing."""
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    return call is not None and call(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) == 0


@contextmanager
def new_file(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a hidden file name; what is written there takes the name `path` when the block ends well.

    Not `durable`: scratch by the thousand, which a crash of the machine, though not a kill, may leave empty.
    """
    path = Path(path)
    with _draft(path) as place:
        draft = place / "new"
        try:
            yield draft
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not error.filename:
                error.filename = str(path)  # of a write the system names no file, and several disks may be in use
            raise
        draft.chmod((place / LOCK).stat().st_mode)  # as the umask has it, where safetensors lets its owner alone read
        if durable:
            with open(draft, "rb") as written:
                os.fsync(written.fileno())
        draft.replace(path)


def entangled(source: Path, out: Path) -> bool:
    """Whether the input `source` and the output `out` lie one in the other, so that one is lost with the other."""
    source, out = source.resolve(), out.resolve()
    return source.is_relative_to(out) or (source.is_dir() and out.is_relative_to(source))


def link_file(source: Path | str, target: Path | str) -> None:
    """Show the file `source` at `target`: a hard link where the file system has them, a copy elsewhere."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON, atomically; NaN and infinities are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with new_file(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


class UnreadableError(UserError, ValueError):
    """A file of an artefact that is not there or does not hold what it should."""


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a file that holds one JSON object, which has the `keys`; raises `UnreadableError` where it does not."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableError(f"there is no {path}: give the folder that holds it, or make it again") from None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read ({error.strerror}): make it readable") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path} is no readable JSON ({error}): make it again") from error
    if not isinstance(found, dict):
        raise UnreadableError(f"{path} holds no JSON object: it is another file, or damaged; make it again")
    if wanting := [key for key in keys if key not in found]:
        raise UnreadableError(f"{path} lacks {', '.join(wanting)}: it is another file, or damaged; make it again")
    return dict(found)


def digest_of(*parts: object) -> str:
    """A digest that names a combination of inputs, 32 hex digits."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def files_digest(root: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names below `root` and the contents of `files`, in their order, in hex."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(root).as_posix()}\0{file_digest(file)}\n".encode())
    return total.hexdigest()


def folder_digest(path: Path) -> str:
    """That of all files of a folder, sorted."""
    return files_digest(path, sorted(p for p in Path(path).rglob("*") if p.is_file()))


def cache_folder(*parts: str) -> Path:
    """A folder in the user's cache ($WITHANYONE_CACHE, else the platform's own place), made when missing."""
    root = os.environ.get("WITHANYONE_CACHE") or platformdirs.user_cache_dir("withanyone")
    folder = Path(root).joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def work_folder(step: str, key: str) -> Path:
    """Scratch of a step that may be killed and resumed, kept under the digest `key` of its inputs and settings."""
    return cache_folder("work", step, key)
