"""A folder of images, with or without `photos.csv`: every entry becomes a photo to look at or a reject.

A `photos.csv` says who and whose the photos are; files that it does not list are nameless, of unknown licence.
Without one, each photo in a sub-folder of two or more is taken to show the person the sub-folder is named after, as a
hint that the faces must confirm; photos beside the sub-folders are nameless candidates. A date names nobody: the photos
in `Ada/2019` are Ada's, those in `2019` nameless, whoever is in most of them.
"""

import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.curation.items import TOGETHER, Item, Reject, blocks, item_table
from components.curation.places import Places
from components.files import ABOUT
from components.files import NAME as FILES
from components.listing import LISTED, LISTING, BadRow, Columns, Row, csv_rows, shown, warn_once
from components.tombstones import FORGOTTEN
from model.errors import UserError
from model.words import counted

PAPERS = {LISTING, FILES, ABOUT, "truth.json", "rejects.parquet"}  # what an import writes beside its photos
_YEAR = r"(19|20)\d\d"
_MONTH_DAY = r"[-_. ]?(0[1-9]|1[0-2])([-_. ]?(0[1-9]|[12]\d|3[01]))?(?!\d)"
DATE = re.compile(rf"{_YEAR}({_MONTH_DAY}.*)?|(\d\d?[-_. ]){{1,2}}{_YEAR}")  # 2019, 2019-07-21 Rome, 21.07.2019


def scan(folder: Path) -> tuple[pa.Table, list[Reject]]:
    """The photos of `folder` as an `item_table`, and what is refused of it, sorted.

    Raises `UserError` where nothing can be read.
    """
    if not folder.is_dir():
        raise UserError(f"the photo folder {folder} does not exist or is no folder: give a folder of images")
    rejects: list[Reject] = []
    items = item_table(_walk(folder, rejects))
    if pc.any(pc.equal(items["path"], LISTING)).as_py():
        papers = pc.is_in(items["path"], value_set=pa.array(sorted(PAPERS)))
        paths = items["path"].filter(pc.invert(papers)).combine_chunks()
        items = item_table(_listed(folder, paths, {reject.path for reject in rejects}, rejects))
    elif os.path.lexists(folder / LISTING):
        raise UserError(
            f"{folder / LISTING} is a link, or no file: put the list itself there, or nobody's name is known"
        )
    return items, sorted(rejects)


def _walk(folder: Path, rejects: list[Reject]) -> Iterator[Item]:
    """The regular files under `folder`, named after their sub-folders, and a reject for everything else.

    Links are not followed.
    """
    waiting = [(folder, "", False)]  # with the person that they name, and whether they are named by a date
    while waiting:
        place, person, dated = waiting.pop()
        inside = place.relative_to(folder).as_posix()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            name = shown(inside)
            rejects.append(Reject(name, "source", "unreadable", f"the folder cannot be listed: {error.strerror}"))
            continue
        files, folders = [], []
        for entry in entries:
            path = entry.name if place == folder else f"{inside}/{entry.name}"
            refusal = _refusal(entry)
            if refusal:
                rejects.append(Reject(shown(path), "source", *refusal))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif path != FORGOTTEN:
                files.append(path)
        dates = _dates(folders, dated)
        waiting += [(place / name, person if name in dates else person_name(name), name in dates) for name in folders]
        named = person if len(files) >= 2 else ""
        yield from (Item(path, named, "folder" if named else "") for path in files)


def _dates(names: Collection[str], inside: bool) -> set[str]:
    """Which of neighbouring folders are named by a date; `inside` such a folder two digits are a month or a day.

    Numbers are none where others beside them cannot be: then they number people.
    """
    dates = {name for name in names if DATE.fullmatch(name) or (inside and re.fullmatch(r"\d\d", name))}
    numbers = {name for name in names if name.isdecimal()}
    return dates if numbers <= dates else dates - numbers


def _refusal(entry: os.DirEntry[str]) -> tuple[str, str] | None:
    """Reason and detail when an entry of the folder is no plain file or folder with a printable name."""
    if entry.name != shown(entry.name):
        return "encoding", "the name is not valid UTF-8: rename it"
    if entry.name.startswith("."):
        return "hidden", "names that begin with a dot are left alone"
    if entry.is_symlink():
        return "symlink", "links are not followed: put the photo itself into the folder"
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        return "not_a_file", "it is neither a file nor a folder"
    return None


def _listed(folder: Path, paths: pa.Array, refused: Collection[str], rejects: list[Reject]) -> Iterator[Item]:
    """The files `paths` as the listing of `folder` describes them, and those that it does not list.

    What it gets wrong goes to `rejects`, but for the paths that the walk has `refused` already.
    """
    listing = folder / LISTING
    exact, composed = Places(paths), Places(pc.utf8_normalize(paths, "NFC"))
    taken = np.zeros(len(paths), np.bool_)
    for block in blocks(csv_rows(listing, Columns("path", LISTED)), TOGETHER):
        rejects += [Reject(row.key, "source", row.reason, row.detail) for row in block if isinstance(row, BadRow)]
        rows = [(row, _inside(folder, row.cells["path"])) for row in block if isinstance(row, Row)]
        asked = pa.array([path or "" for _, path in rows], pa.string())  # no file is called ""
        normal = pc.utf8_normalize(asked, "NFC")
        bare = pc.utf8_trim_whitespace(normal)
        slashed = pc.replace_substring(bare, "\\", "/")  # written on Windows
        places = np.stack([exact.of(asked), exact.of(normal), *map(composed.of, (normal, bare, slashed))])
        best = places[np.argmax(places >= 0, axis=0), np.arange(len(rows))]
        for (row, path), place in zip(rows, best.tolist(), strict=True):
            if place < 0:
                if path not in refused:
                    rejects.append(_missing(folder, row, path))
            elif taken[place]:
                detail = f"line {row.line} of {LISTING} lists it once more"
                rejects.append(Reject(paths[place].as_py(), "source", "duplicate_row", detail))
            else:
                taken[place] = True
                yield _item(row, paths[place].as_py())
    unlisted = np.flatnonzero(~taken)
    if len(unlisted):
        files = counted(len(unlisted), "file")
        warn_once(f"not listed in {listing}, so of unknown people, licence and consent: {files}")
    yield from (Item(paths[place].as_py()) for place in unlisted)


def person_name(text: str) -> str:
    """A person's name in one form, however a spreadsheet or a file system writes it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _item(row: Row, path: str) -> Item:
    """The photo at `path` as its row describes it."""
    person = person_name(row.cells["person"])
    others = {name: row.cells[name].strip() for name in LISTED[2:]}
    return Item(path, person, "csv" if person else "", **others)


def _inside(folder: Path, path: str) -> str | None:
    """The path relative to the folder in its plain form, or None when it leaves the folder or can name no file."""
    if "\0" in path:
        return None
    if Path(path).is_absolute():
        root = folder.resolve()
        return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) and ".." not in path else None
    plain = os.path.normpath(path)
    return None if plain in (".", "..") or plain.startswith("../") else plain


def _missing(folder: Path, row: Row, path: str | None) -> Reject:
    where = f"line {row.line} of {LISTING}"
    if path is None:
        return Reject(shown(row.cells["path"]), "source", "outside_folder", f"{where} names a path outside the folder")
    try:
        is_folder = (folder / path).is_dir()  # first, for it refuses a path too long to be taken apart
        parents = [folder / parent for parent in PurePosixPath(path).parents if parent.name]
        if any(parent.is_symlink() for parent in parents):
            return Reject(path, "source", "symlink", f"{where} names a path through a link: links are not followed")
        if is_folder:
            return Reject(path, "source", "not_a_file", f"{where} names a folder")
    except OSError as error:  # such as a name longer than the file system allows
        return Reject(path, "source", "missing", f"{where} names a path that cannot be: {error.strerror}")
    return Reject(path, "source", "missing", f"{where} names a file that is not there")
