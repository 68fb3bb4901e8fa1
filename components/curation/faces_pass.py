"""The first pass over all photos: decode, detect, align, embed, measure. The only one that touches pixels.

Photos that were not seen before go through in parts of a few neighbours, one part a core, so decoding here overlaps
with networks there, and memory holds one part a core whatever the number of photos. Each finished part is kept; a
killed run goes on behind it, and a later run takes all photos that it knows by their content. What is left is cut into
parts in the order of the photos and each part is computed by one thread, so a resumed run, or one on a machine with
more cores, gives the same bytes.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError, decode
from components.curation.found import Found
from components.curation.items import Item, Reject
from components.curation.looked import Looked, Looks, look_at
from components.curation.parts import through
from model.artefacts import file_digest
from model.faces.analyser import Analyser, Face
from model.progress import track

PART = {"cpu": 8, "cuda": 64}  # photos, by device: small parts keep all cores busy to the end, large ones fill a GPU
Keyed = tuple[Item, str]  # a photo and the digest of its file
log = logging.getLogger(__name__)


def find_faces(
    root: Path,
    items: Sequence[Item],
    digests: Mapping[str, str],
    config: CurationConfig,
    load: Callable[[], Analyser],
    looks: Looks,
) -> tuple[Found, list[Reject]]:
    """Find the faces in all `items` below `root`, keeping what is seen in `looks`; refused photos become rejects.

    `digests` has the SHA-256 of each photo's file by its path; a photo without one is refused. `load` gives the
    networks; it is not called when all photos are known.
    """
    keyed = [(item, digests[item.path]) for item in items if digests.get(item.path)]
    missing = _missing(keyed, looks)
    distinct = len({key for _, key in keyed})
    if len(missing) < distinct:
        log.info("%d of %d photos were seen before", distinct - len(missing), distinct)
    if missing:
        size = PART[config.device]
        parts = [missing[start : start + size] for start in range(0, len(missing), size)]
        for _ in track(_process(root, parts, config, load(), looks), "faces", len(missing), unit="photo"):
            pass
    del missing
    lost = {key for _, key in _missing(keyed, looks)}
    found, rejects = looks.collect([(item, key) for item, key in keyed if key not in lost], root, config)
    rejects += [_unseen(item, digests) for item in items if digests.get(item.path, "") in {"", *lost}]
    return found, rejects


def _missing(keyed: Sequence[Keyed], looks: Looks) -> list[Keyed]:
    """Those of `keyed` that were not looked at yet, each content once."""
    unknown = set(looks.missing([key for _, key in keyed]))
    found = []
    for item, key in keyed:
        if key in unknown:
            unknown.remove(key)
            found.append((item, key))
    return found


def _unseen(item: Item, digests: Mapping[str, str]) -> Reject:
    if item.path not in digests:
        return Reject(item.path, "source", "appeared", "it came after the photos were listed: run again to take it in")
    if not digests[item.path]:
        return Reject(item.path, "source", "unreadable", "the file cannot be read: look at its permissions")
    return Reject(item.path, "source", "changed", "it changed after the photos were listed: run again")


def _process(
    root: Path, parts: list[list[Keyed]], config: CurationConfig, analyser: Analyser, looks: Looks
) -> Iterator[Keyed]:
    """Look at the parts, several at a time; yields each photo when its part is kept."""

    def look(part: Sequence[Keyed]) -> None:
        files = [(key, root / item.path) for item, key in part]
        same = [(key, path) for key, path in files if _is(key, path)]
        looks.add([key for key, _ in same], _look([_decode(path, config) for _, path in same], analyser))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides, photo by photo
        yield from through(parts, look)


def _is(key: str, path: Path) -> bool:
    """Whether the file has the content still that it was listed with: what is kept under its digest stays true."""
    try:
        return file_digest(path) == key
    except OSError:
        return False


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
