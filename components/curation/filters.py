"""Which photos and faces are good enough: size, certainty, sharpness, light, and the number of people."""

import numpy as np
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.items import Reject

OF_THE_GROUP = 0.5  # of the largest face's side: who is nearer to it in size is no bystander
Mask = NDArray[np.bool_]


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
    return found.keep(keep, np.ones(len(found.photo), np.bool_)), rejects


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
    doubtful = np.bincount(found.photo[sure], minlength=len(found.photos))
    poor = np.bincount(found.photo[usable & ~good_faces(found, config)], minlength=len(found.photos))
    rejects = []
    keep = np.ones(len(found.photos), np.bool_)
    for place, photo in enumerate(found.photos):
        verdict = None
        if counts[place] == 0:
            small = f"its faces are smaller than min_face={config.min_face} pixels"
            verdict = ("small_faces", small) if doubtful[place] else ("no_face", "no face was found in it")
        elif people[place] > config.max_people:
            verdict = ("crowd", f"{people[place]} faces are more than max_people={config.max_people}")
        elif people[place] > counts[place]:
            left = f"its group has {people[place]} faces, of which min_face={config.min_face} pixels leaves"
            verdict = ("small_faces", f"{left} {counts[place]}")
        elif counts[place] == poor[place]:
            verdict = ("poor_faces", "every face in it is blurred, too dark or too bright")
        if verdict:
            keep[place] = False
            rejects.append(Reject(photo.item.path, "faces", *verdict))
    return found.keep(keep, usable), rejects


def good_faces(found: Found, config: CurationConfig) -> Mask:
    """[N] the faces sharp and well lit enough to be named."""
    lit = (found.exposure >= config.min_exposure) & (found.exposure <= config.max_exposure)
    return (found.sharpness >= config.min_sharpness) & lit
