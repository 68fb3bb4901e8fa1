"""The first pass over all photos: decode, detect, align, embed, measure.

Photos that were not seen before go through in parts of a few neighbours, one part a core, so decoding here overlaps
with networks there, and memory holds one part a core whatever the number of photos. Each finished part is kept; a
killed run goes on behind it, and a later run takes all photos that it knows by their content. What is left is cut into
parts in the order of the photos and each part is computed by one thread, so a resumed run, or one on a machine with
more cores, gives the same bytes.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from components.curation.config import CurationConfig
from components.curation.decode import Decoded, RefusedPhotoError, decode
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.kept import KEY
from components.curation.looked import Looked, Looks, look_at
from components.curation.parts import through
from components.curation.seen import only
from components.files import digest
from model.faces.analyser import Analyser, Face
from model.progress import track
from model.words import counted

PART = {"cpu": 8, "cuda": 64}  # photos, by device: small parts keep all cores busy to the end, large ones fill a GPU
Keyed = tuple[str, str]  # the path of a photo and the digest of its file
log = logging.getLogger(__name__)


def find_faces(
    root: Path,
    photos: pa.Table,
    config: CurationConfig,
    load: Callable[[], Analyser],
    looks: Looks,
) -> tuple[Found, list[Reject]]:
    """Find the faces in all photos `listed` below `root`, keeping what is seen in `looks`; refused ones become rejects.

    The key of a photo is the SHA-256 of its file; a photo without one is refused. `load` gives the networks; it is not
    called when all photos are known.
    """
    keyed = only(photos, pc.fill_null(pc.greater(pc.utf8_length(photos[KEY]), 0), False))
    missing = _missing(keyed, looks)
    log.info("not seen before: %d of %s", len(missing), counted(len(keyed), "photo"))
    if len(missing):
        for _ in track(_process(root, missing, config, load(), looks), "faces", len(missing), unit="photo"):
            pass
    del missing
    lost = _missing(keyed, looks)[KEY].combine_chunks()
    found, rejects = looks.collect(only(keyed, pc.invert(pc.is_in(keyed[KEY], value_set=lost))), root, config)
    unseen = photos.filter(pc.is_in(photos[KEY], value_set=pa.concat_arrays([lost, pa.array(["", None], pa.string())])))
    rejects += map(_unseen, unseen["path"].to_pylist(), unseen[KEY].to_pylist())
    return found, rejects


def _missing(keyed: pa.Table, looks: Looks) -> pa.Table:
    """Path and key of those of `keyed` that were not looked at yet, each content once."""
    return keyed.select(["path", KEY]).take(pa.array(looks.missing(keyed[KEY].combine_chunks())))


def _unseen(path: str, key: str | None) -> Reject:
    if key is None:
        return Reject(path, "source", "appeared", "it came after the photos were listed: run again to take it in")
    if not key:
        return Reject(path, "source", "unreadable", "the file cannot be read: look at its permissions")
    return Reject(path, "source", "changed", "it changed after the photos were listed: run again")


def _process(root: Path, photos: pa.Table, config: CurationConfig, analyser: Analyser, looks: Looks) -> Iterator[Keyed]:
    """Look at the photos, several parts at a time; yields each photo when its part is kept."""

    def look(part: Sequence[Keyed]) -> None:
        # What is kept under a digest stays true: a file that changed since it was listed is passed over.
        same = [(key, root / path) for path, key in part if digest(root / path) == key]
        looks.add([key for key, _ in same], _look([_decode(path, config) for _, path in same], analyser))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides, photo by photo
        yield from through(_parts(photos, PART[config.device]), look)


def _parts(photos: pa.Table, size: int) -> Iterator[list[Keyed]]:
    for start in range(0, len(photos), size):
        part = photos.slice(start, size)
        yield list(zip(part["path"].to_pylist(), part[KEY].to_pylist(), strict=True))


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
        if isinstance(outcome, RefusedPhotoError):
            looked.append(outcome)
        elif (found := next(faces)) is None:
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
