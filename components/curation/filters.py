"""Which photos and faces are good enough: size, certainty, sharpness, light, and the number of people."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.items import Reject

OF_THE_GROUP = 0.5  # of the largest face's side: who is nearer to it in size is no bystander
Mask = NDArray[np.bool_]
Verdict = tuple[str, str]  # the reason and the sentence of a reject


def drop_copies(found: Found) -> tuple[Found, list[Reject]]:
    """Without the second and later photos of the same bytes; a named one is kept rather than a nameless one.

    The same bytes under two names say nothing about either: all of them go.
    """
    ids = found.ids
    order = np.argsort(ids, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(ids[order]) != 0, len(ids) > 0)) + 1
    starts = np.append(0, ends[:-1])
    several = ends - starts > 1
    keep = np.ones(len(found.photos), np.bool_)
    rejects = []
    for start, end in zip(starts[several], ends[several], strict=True):
        copies = order[start:end].tolist()
        items = {place: found.photos[place].item for place in copies}
        names = sorted({item.person for item in items.values() if item.named_by == "csv"})
        best = min(copies, key=lambda place: (items[place].person == "", items[place].path))
        for place, item in items.items():
            if len(names) > 1:
                rejects.append(Reject(item.path, "faces", "conflicting_names", f"the same file is named {names}"))
            elif place != best:
                detail = f"it is the same file as {items[best].path}"
                rejects.append(Reject(item.path, "faces", "duplicate", detail))
            keep[place] = len(names) < 2 and place == best
    return found.keep(keep), rejects


def drop_unusable(found: Found, config: CurationConfig) -> tuple[Found, list[Reject]]:
    """Without faces too small or too doubtful to be used, and without photos that are left with none, or of a crowd.

    A photo goes, too, where a face of the group is too small: captions, and who is alone, go by the faces that stay.
    """
    large = found.side >= config.min_face
    sure = found.score >= config.min_score
    usable = large & sure
    counts = np.bincount(found.photo[usable], minlength=len(found.photos))
    largest = np.zeros(len(found.photos), np.float32)
    np.maximum.at(largest, found.photo[usable], found.side[usable])
    grouped = usable | (sure & (found.side >= OF_THE_GROUP * largest[found.photo]))
    people = np.bincount(found.photo[grouped], minlength=len(found.photos))
    certain = np.bincount(found.photo[sure], minlength=len(found.photos))
    poor = np.bincount(found.photo[usable & ~good_faces(found, config)], minlength=len(found.photos))

    def verdict(place: int) -> Verdict | None:
        if counts[place] == 0:
            small = f"its faces are smaller than min_face={config.min_face} pixels"
            return ("small_faces", small) if certain[place] else ("no_face", "no face was found in it")
        if people[place] > config.max_people:
            return "crowd", f"{people[place]} faces are more than max_people={config.max_people}"
        if people[place] > counts[place]:
            left = f"its group has {people[place]} faces, of which min_face={config.min_face} pixels leaves"
            return "small_faces", f"{left} {counts[place]}"
        if counts[place] == poor[place]:
            return "poor_faces", "every face in it is blurred, too dark or too bright"
        return None

    return without(found, [verdict(place) for place in range(len(found.photos))], "faces", usable)


def without(
    found: Found, verdicts: Sequence[Verdict | None], stage: Literal["faces", "marks"], faces: Mask | None = None
) -> tuple[Found, list[Reject]]:
    """`found` without the photos that have a verdict, which become rejects of this `stage`; `faces` as in `keep`."""
    gone, rejects = rejected(found, verdicts, stage)
    return found.keep(~gone, faces), rejects


def rejected(
    found: Found, verdicts: Sequence[Verdict | None], stage: Literal["faces", "marks", "pairs"]
) -> tuple[Mask, list[Reject]]:
    """[photos] which have a verdict, and these as rejects of this `stage`."""
    gone = np.array([verdict is not None for verdict in verdicts], np.bool_)
    pairs = zip(found.photos.some(np.flatnonzero(gone)), filter(None, verdicts), strict=True)
    return gone, [Reject(photo.item.path, stage, *verdict) for photo, verdict in pairs]


def rejected_copies(found: Found, pairs: NDArray[np.intp], stage: Literal["bank", "retrieve"]) -> list[Reject]:
    """The rejects of photos that copy others; `pairs` [C, 2] are places of the copy and of what it copies."""
    photos, originals = (found.photos.some(column) for column in pairs.T)
    return [
        Reject(photo.item.path, stage, "near_duplicate", f"it is a copy of {original.item.path}")
        for photo, original in zip(photos, originals, strict=True)
    ]


def good_faces(found: Found, config: CurationConfig) -> Mask:
    """[N] the faces sharp and well lit enough to be named."""
    lit = (found.exposure >= config.min_exposure) & (found.exposure <= config.max_exposure)
    return (found.sharpness >= config.min_sharpness) & lit
