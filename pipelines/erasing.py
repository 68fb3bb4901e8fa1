"""Deletes photos of a person who is forgotten, also where runs keep them: what one brought is shown in many."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from components.files import ABOUT, ID_DIGITS, read_about, read_files
from pipelines.runs import Runs
from pipelines.store import resealed


def kept_by_runs(folder: Path, ids: Collection[str]) -> Iterator[Path]:
    """The files of the photos with these ids in all runs, and their store, of the runs folder that has `folder`."""
    for runs in map(Runs, folder.parents):
        if runs.store.artefacts.is_dir():
            places = (*runs.folder.glob("[!.]*/photos"), *runs.store.artefacts.glob("*/photos/photos"))
            for place in places:
                if not place.parent.is_symlink() and (place / ABOUT).is_file():
                    yield from _pictures(place, ids)


def _pictures(photos: Path, ids: Collection[str]) -> Iterator[Path]:
    """The files of the photos with these ids in an artefact `photos`; those in a folder outside are their owner's."""
    _, folder = read_about(photos)
    if folder.is_relative_to(photos):
        files = (folder / path for path, digest in read_files(photos).items() if digest[:ID_DIGITS] in ids)
        yield from filter(Path.is_file, files)


def erase(files: Iterable[Path]) -> int:
    """Delete the `files`; how many photos have other hard links still. Artefacts in a store serve on without them."""
    left: dict[tuple[int, int], int] = {}
    files = [file for file in files if file.exists()]
    with resealed(files):
        for file in files:
            facts = file.stat()
            file.unlink()
            left[facts.st_dev, facts.st_ino] = facts.st_nlink - 1
    return sum(links > 0 for links in left.values())
