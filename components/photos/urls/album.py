"""Makes of a list of URLs what the rest of the run reads: a folder of photos with photos.csv, and what was refused."""

import csv
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.listing import LISTING, BadRow
from components.photos.config import PhotosConfig
from components.photos.urls.download import download, tally
from components.photos.urls.fetch import Outcome
from components.photos.urls.kept import LOCK, hand_over, stored_at
from components.photos.urls.limits import Limits
from components.photos.urls.refusal import FORGOTTEN
from components.photos.urls.wanted import CARRIED, Wanted, read_wanted
from components.tombstones import Tombstones
from model.artefacts import file_digest, link_file, work_folder
from model.errors import UserError
from model.locks import only_user

WORK_VERSION = 1  # counts up when a change here makes half-done downloads worthless
REFUSED = "refused.parquet"
REFUSED_SCHEMA = pa.schema(
    [("line", pa.int64()), ("url", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
log = logging.getLogger(__name__)


def write_album(photos: Path, refused: Path, config: PhotosConfig, held: ExitStack, home: Path) -> None:
    """Download the list `config.urls` into the empty folder `photos`; write the table of what was `refused` (Parquet).

    The downloads are this process's alone until `held` is left. Where that ends well `photos` is at `home`, from where
    the next run of the list takes them; else they stay. The same list and the same answers give the same bytes. The
    tombstones beside the list, where they outlive the folder, are written into it. Raises `BusyError` while another
    process has the downloads, `UserError` when the list or those cannot be read, or gives no photo at all.
    """
    path = Path(config.urls).expanduser().resolve()
    forgotten = Tombstones.read(path.parent)
    wanted, bad = read_wanted(path)
    work = work_folder("photos", _work_key(path, config))
    held.enter_context(_sole_user(work, path, home.resolve()))
    outcomes = download(wanted, work, limits_of(config), forgotten)
    taken = [photo for photo in wanted if not outcomes[photo.key].reason]
    bad += [_refused(photo, outcomes[photo.key]) for photo in wanted if outcomes[photo.key].reason]
    counts = tally([row.reason for row in bad])
    log.info("photos: %d of %s; refused: %s", len(taken), path.name, counts)
    if not taken:
        raise UserError(f"photos.urls '{path}' gave no photo (refused: {counts}): give a list with photos to be had")
    for photo in taken:
        target = photos / outcomes[photo.key].name
        target.parent.mkdir(exist_ok=True)
        link_file(stored_at(work, photo.key), target)
    _write_listing(photos / LISTING, taken, outcomes)
    if forgotten.people:
        forgotten.write(photos)
    _write_refused(refused, bad)


@contextmanager
def _sole_user(work: Path, path: Path, home: Path) -> Iterator[None]:
    with only_user(work / LOCK, f"the downloads of {path}"):
        yield
        hand_over(work, home)


def limits_of(config: PhotosConfig) -> Limits:
    """The limits that the settings say."""
    return Limits(
        config.connections,
        config.per_host,
        config.seconds,
        round(config.largest_megabytes * 1e6),
        config.allow_private,
    )


def _work_key(path: Path, config: PhotosConfig) -> str:
    """What an outcome depends on: the list, and the settings that decide what is refused for good."""
    text = json.dumps([WORK_VERSION, file_digest(path), config.largest_megabytes, config.allow_private])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _refused(photo: Wanted, outcome: Outcome) -> BadRow:
    address = FORGOTTEN if outcome.reason == FORGOTTEN else photo.address  # which may be the person's name
    return BadRow(photo.line, address, outcome.reason, outcome.detail)


def _write_listing(path: Path, taken: Sequence[Wanted], outcomes: Mapping[str, Outcome]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "source", *CARRIED])
        for photo in taken:
            writer.writerow([outcomes[photo.key].name, photo.address, *photo.carried])


def _write_refused(path: Path, bad: Sequence[BadRow]) -> None:
    rows = sorted(bad, key=lambda row: row.line)
    columns = [[getattr(row, field.name) for row in rows] for field in fields(BadRow)]
    pq.write_table(pa.table(columns, schema=REFUSED_SCHEMA), path, compression="zstd")
