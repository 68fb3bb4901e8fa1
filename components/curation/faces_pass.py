"""The first pass over all photos: decode, detect, align, embed, measure. The only one that touches pixels.

Photos go through in parts of `PART` neighbours, one part a core, so decoding here overlaps with networks there, and
memory holds one part a core whatever the number of photos. Each finished part is kept in the work folder; a killed
run takes it from there. Parts are cut the same way each time and each is computed by one thread, so a resumed run,
or one on a machine with more cores, gives the same bytes.
"""

import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError, decode
from components.curation.found import Found
from components.curation.items import Item, Reject
from components.curation.looked import Looked, PartStore, look_at
from model.faces.analyser import Analyser, Face
from model.progress import track

PART = 16
log = logging.getLogger(__name__)


def find_faces(
    root: Path, items: Sequence[Item], config: CurationConfig, load: Callable[[], Analyser], work: Path
) -> tuple[Found, list[Reject]]:
    """Find the faces in all `items` below `root`, keeping finished parts in `work`; refused photos become rejects.

    `load` gives the networks; it is not called when all parts are there already.
    """
    parts = [list(items[start : start + PART]) for start in range(0, len(items), PART)]
    keyed = [(part, _key(root, part)) for part in parts]
    store = PartStore(work)
    missing = [(part, key) for part, key in keyed if not store.has(key)]
    if len(missing) < len(parts):
        log.info("%d of %d parts are done already", len(parts) - len(missing), len(parts))
    if missing:
        total = sum(len(part) for part, _ in missing)
        for _ in track(_process(root, missing, config, load(), store), "faces", total, unit="photo"):
            pass
    return store.collect(keyed)


def _process(
    root: Path, parts: list[tuple[list[Item], str]], config: CurationConfig, analyser: Analyser, store: PartStore
) -> Iterator[Item]:
    """Look at the parts, several at a time; yields each item when its part is kept."""

    def look(part: list[Item], key: str) -> None:
        store.write(key, _look([_decode(root / item.path, config) for item in part], analyser))

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), initializer=torch.set_num_threads, initargs=(1,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides, photo by photo
        try:
            futures = [pool.submit(look, part, key) for part, key in parts]
            for (part, _), future in zip(parts, futures, strict=True):
                future.result()
                yield from part
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)


def _decode(path: Path, config: CurationConfig) -> Decoded | RefusedPhotoError:
    try:
        return decode(path, config)
    except RefusedPhotoError as refusal:
        return refusal


def _look(outcomes: list[Decoded | RefusedPhotoError], analyser: Analyser) -> list[Looked | RefusedPhotoError]:
    """Analyse the photos of a part that could be decoded."""
    faces = iter(_analyse(analyser, [outcome for outcome in outcomes if isinstance(outcome, Decoded)]))
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
    """The faces of each photo; None for a photo whose landmarks no alignment takes."""
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
