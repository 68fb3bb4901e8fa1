"""What is kept of a list's downloads when they have become an album: how each ended, and where the pictures are now."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from components.files import ID_DIGITS, digest
from components.photos.urls.fetch import Outcome
from components.photos.urls.ledger import NAME, outcomes
from model.artefacts import UnreadableError, link_file, read_json, work_folder, write_json
from model.locks import in_use
from model.progress import track

LOCK, ALBUM = "lock", "album.json"


def stored_at(work: Path, key: str) -> Path:
    """Where the picture of the photo `key` lies."""
    return work / key[:2] / key


def hand_over(work: Path, album: Path) -> None:
    """Leave the pictures to the folder `album`, which has them, and note where that is."""
    write_json(work / ALBUM, {"photos": str(album)})
    for folder in work.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


def take_back(work: Path, taken: Sequence[Outcome]) -> None:
    """Show in `work` those of the pictures that lie in the album of an earlier run as they were downloaded."""
    try:
        album = Path(read_json(work / ALBUM, "photos")["photos"])
    except UnreadableError:
        return
    for outcome in track(taken, "photos of an earlier run", unit="photo"):
        source, target = album / outcome.name, stored_at(work, outcome.key)
        if not whole(work, outcome) and digest(source)[:ID_DIGITS] == outcome.photo_id:
            target.parent.mkdir(exist_ok=True)
            target.unlink(missing_ok=True)
            link_file(source, target)


def whole(work: Path, outcome: Outcome) -> bool:
    """Whether the picture is there in its full size, which a crash of the machine may have cost it."""
    path = stored_at(work, outcome.key)
    return path.is_file() and path.stat().st_size == outcome.size


def forget_downloads(photo_ids: Collection[str]) -> None:
    """Delete the pictures with these ids of all downloads but those at work, which drop theirs at their end."""
    for work in work_folder("photos", ".").iterdir():
        if not in_use(work / LOCK):
            for outcome in outcomes(work / NAME):
                if outcome.photo_id in photo_ids:
                    stored_at(work, outcome.key).unlink(missing_ok=True)
