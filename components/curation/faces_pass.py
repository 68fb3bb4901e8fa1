"""The first pass over all photos: decode, detect, align, embed, measure. The only one that touches pixels.

Photos go through in parts of `PART` neighbours. While the networks look at one part, threads decode the next, so memory
holds two parts whatever the number of photos. Each finished part is kept in the work folder; a killed run takes it from
there. Parts are cut the same way each time, so a resumed run gives the same bytes as one that was never stopped.
"""

import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError, decode
from components.curation.found import Found
from components.curation.items import Item, Reject
from components.curation.looked import Looked, PartStore, look_at
from model.faces.analyser import Analyser, Face
from model.progress import track

PART = 32
log = logging.getLogger(__name__)
Outcome = Decoded | RefusedPhotoError


def find_faces(
    root: Path, items: Sequence[Item], config: CurationConfig, load: Callable[[], Analyser], work: Path
) -> tuple[Found, list[Reject]]:
    """Find the faces in all `items` below `root`, keeping finished parts in `work`; refused photos become rejects.

    `load` gives the networks; it is not called when all parts are there already.
    """
    parts = [list(items[start : start + PART]) for start in range(0, len(items), PART)]
    store = PartStore(work)
    missing = [part for part in parts if not store.has(_key(root, part))]
    if len(missing) < len(parts):
        log.info("%d of %d parts are done already", len(parts) - len(missing), len(parts))
    if missing:
        total = sum(len(part) for part in missing)
        for _ in track(_process(root, missing, config, load(), store), "faces", total, unit="photo"):
            pass
    return store.collect([(part, _key(root, part)) for part in parts])


def _process(
    root: Path, parts: list[list[Item]], config: CurationConfig, analyser: Analyser, store: PartStore
) -> Iterator[Item]:
    """Decode one part ahead of the networks; yields each item when its part is kept."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides, per photo

        def submit(part: list[Item]) -> list[Future[Outcome]]:
            return [pool.submit(_decode, root / item.path, config) for item in part]

        ahead = submit(parts[0])
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            outcomes = [future.result() for future in ahead]
            ahead = submit(following) if following is not None else []
            store.write(_key(root, part), _look(outcomes, analyser))
            yield from part


def _decode(path: Path, config: CurationConfig) -> Outcome:
    try:
        return decode(path, config)
    except RefusedPhotoError as refusal:
        return refusal


def _look(outcomes: list[Outcome], analyser: Analyser) -> list[Looked | RefusedPhotoError]:
    """Analyse the photos of a part that could be decoded."""
    decoded = [outcome for outcome in outcomes if isinstance(outcome, Decoded)]
    faces = iter(_analyse(analyser, decoded))
    looked: list[Looked | RefusedPhotoError] = []
    for outcome in outcomes:
        found = next(faces) if isinstance(outcome, Decoded) else None
        if isinstance(outcome, RefusedPhotoError):
            looked.append(outcome)
        elif found is None:
            looked.append(RefusedPhotoError("degenerate", "the landmarks of a face in it coincide"))
        else:
            looked.append(look_at(outcome, found))
    return looked


def _analyse(analyser: Analyser, photos: list[Decoded]) -> list[list[Face] | None]:
    """The faces of each photo; None for a photo that the networks' geometry cannot take."""
    try:
        return list(analyser.analyse([photo.pixels for photo in photos]))
    except ValueError:
        if len(photos) == 1:
            return [None]
        return [faces for photo in photos for faces in _analyse(analyser, [photo])]


def _key(root: Path, part: list[Item]) -> str:
    """The name of a part: its photos' paths, sizes and times, so that a changed photo is looked at again."""
    total = hashlib.sha256()
    for item in part:
        path = root / item.path
        state = path.stat() if path.exists() else None  # one that vanished since the scan is refused by `decode`
        size, time = (state.st_size, state.st_mtime_ns) if state else (-1, -1)
        total.update(f"{item.path}\0{size}\0{time}\n".encode())
    return total.hexdigest()
