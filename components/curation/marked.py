"""Which photos go and which are cropped for what examiners said of them: overlaid text, pictures of other kinds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from components.curation.album import Box, Marks
from components.curation.config import CurationConfig
from components.curation.crop import area, crop_around
from components.curation.examine import examine
from components.curation.filters import Verdict, without
from components.curation.found import Found
from components.curation.items import Reject
from components.curation.kinds import KindMeasures
from components.curation.text import TextReader

# Where text on clothes is, in sizes of the face's box: how far its middle is beside the face's middle and below its
# box, and how long it is at most. Measured on the name tags and patches of 260 portraits and crews.
WORN_ASIDE, WORN_BELOW, WORN_LENGTH = 2.0, (0.25, 2.5), 1.2


def drop_marked(found: Found, config: CurationConfig, kept: Path) -> tuple[Found, list[Reject]]:
    """Without photos under overlaid text and without pictures that are no plain photographs; marks are in `kept`."""
    rejects: list[Reject] = []
    if config.kinds:
        marks = zip(examine(found, KindMeasures(), kept), _boxes(found), strict=True)
        found, rejects = without(found, [kind_of(mark, boxes) for mark, boxes in marks], "marks")
    if config.text == "keep":
        return found, rejects
    crops: dict[int, Box] = {}
    verdicts: list[Verdict | None] = []
    read = zip(found.photos, examine(found, TextReader(), kept), _boxes(found), strict=True)
    for place, (photo, mark, boxes) in enumerate(read):
        verdict, crop = judge_text(mark["texts"], boxes, (photo.width, photo.height), config)
        verdicts.append(verdict)
        if crop:
            crops[place] = crop
    found, refused = without(found.cropped(crops), verdicts, "marks")
    return found, rejects + refused


def kind_of(marks: Marks, faces: NDArray[np.floating]) -> Verdict | None:
    """Why a photo with these `marks` of KindMeasures and boxes [N, 4] of its faces is no plain photograph, or None.

    The limits were chosen on the cast, on portraits of astronauts, and on both made into such pictures
    (benchmarks/photo_kinds.py).
    """
    if marks["colour"] < 0.05 and marks["paper"] > 0.45:
        return "drawing", "it looks like a sketch: grey lines on white"
    if marks["page"] > 0.34 and marks["flat"] > 0.38 and marks["straight"] > 0.4:  # not just a studio's white
        return "screenshot", f"{marks['page']:.0%} of it is of three flat colours, like a screenshot or a page"
    flats = marks["flat"] > 0.1 and marks["page"] > 0.045 and marks["tones"] > 0.66
    if flats and marks["soft"] < 0.33 and marks["hard"] > 0.055:
        return "drawing", "it looks drawn or posterised: few tones, and hard edges between flats"
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    for axis, place, certain in marks["seams"]:
        along = "xy".index(axis)
        if certain:
            return "collage", f"a straight seam at {axis}={place} pixels parts it from rim to rim"
        whole = not np.any((faces[:, along] < place) & (place < faces[:, along + 2]))
        if whole and centres[:, along].min() < place < centres[:, along].max():
            return "collage", f"a straight seam at {axis}={place} pixels parts its faces"
    for left, top, right, bottom in marks["insets"]:
        if np.all((faces >= (left, top, left, top)) & (faces <= (right, bottom, right, bottom)), axis=1).any():
            return "collage", f"a picture with a face is laid upon it from {left}, {top} to {right}, {bottom} pixels"
    return None


def judge_text(
    texts: Sequence[dict[str, Any]], faces: NDArray[np.floating], size: tuple[int, int], config: CurationConfig
) -> tuple[Verdict | None, Box | None]:
    """Why a photo of `size` (width, height) with these `texts` and `faces` [N, 4] goes, or how to crop it."""
    width, height = size
    shapes = [np.array(text["corners"], np.float32).reshape(4, 2) for text in texts]
    shapes = [shape for shape in shapes if not _worn(shape, faces)]
    share = sum(cv2.contourArea(shape) for shape in shapes) / (width * height)
    if share <= config.max_text:
        return None, None
    verdict = "text", f"text covers {share:.1%} of it, more than max_text={config.max_text}"
    if config.text == "drop":
        return verdict, None
    boxes = [(*shape.min(axis=0).astype(int).tolist(), *shape.max(axis=0).astype(int).tolist()) for shape in shapes]
    crop = crop_around(boxes, faces, width, height)
    if crop is None:
        return (verdict[0], f"{verdict[1]}, and no crop without it holds every face"), None
    if area(crop) < config.min_crop * width * height or min(crop[2] - crop[0], crop[3] - crop[1]) < config.min_side:
        return (verdict[0], f"{verdict[1]}, and too little remains without it (min_crop={config.min_crop})"), None
    return None, crop


def _worn(shape: NDArray[np.float32], faces: NDArray[np.floating]) -> bool:
    """Whether a text with the corners `shape` [4, 2] is where one of `faces` [N, 4] wears a name or a patch."""
    length = max(np.linalg.norm(shape[0] - shape[1]), np.linalg.norm(shape[1] - shape[2]))
    middle = shape.mean(axis=0)
    width, height = (faces[:, 2:] - faces[:, :2]).T
    aside = np.abs(middle[0] - (faces[:, 0] + faces[:, 2]) / 2) / width
    below = (middle[1] - faces[:, 3]) / height
    worn = (aside <= WORN_ASIDE) & (below >= WORN_BELOW[0]) & (below <= WORN_BELOW[1])
    return bool(np.any(worn & (length / width <= WORN_LENGTH)))


def _boxes(found: Found) -> Iterator[NDArray[np.float32]]:
    """The boxes [N, 4] of each photo's faces."""
    ends = np.cumsum(found.counts)
    for start, end in zip(ends - found.counts, ends, strict=True):
        yield found.box[start:end]
