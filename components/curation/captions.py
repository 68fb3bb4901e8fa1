"""The captions of a dataset's photos: their owners', else a vision-language model's, else what the pipeline knows."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from components.curation.album import Marks, Photo
from components.curation.captioner import CaptionExaminer, instruction
from components.curation.config import ATTRIBUTES, CurationConfig
from components.curation.found import Found
from components.curation.vision_language import VisionLanguageModel
from model.captions import compose

DIM, BRIGHT = 0.25, 0.68  # mean luma, 0..1
WARM, COOL = 0.3, -0.08  # `measures.warmth`
Pass = Callable[[Found, CaptionExaminer], Sequence[Marks]]  # shows photos to an examiner and keeps what it says
Captions = Callable[[Photo, int], str]  # of a photo of so many people
log = logging.getLogger(__name__)


def captions(found: Found, config: CurationConfig, look: Pass) -> Captions:
    """What gives the captions of the photos of `found`; `look` goes through them for a model to look."""
    if config.captioner == ATTRIBUTES:
        return _plain
    made: dict[str, str] = {}  # by image_id
    model = VisionLanguageModel(config.captioner, config.device)
    asked = [
        "" if photo.item.caption else instruction(photo.image_id, int(people))
        for photo, people in zip(found.photos, found.counts, strict=True)
    ]
    failed = 0
    for text in sorted(set(asked) - {""}):
        part = found.keep(np.array([other == text for other in asked]))
        for photo, marks in zip(part.photos, look(part, CaptionExaminer(model, text)), strict=True):
            failed += marks["caption"] is None
            made[photo.image_id] = marks["caption"] or ""
    if failed:
        log.warning("the captioner had no words for %d of %d photos; they keep a plain caption", failed, len(asked))
    return lambda photo, people: made.get(photo.image_id) or _plain(photo, people)


def _plain(photo: Photo, people: int) -> str:
    """The caption given with the photo, else the number of people and the light in the words of `model.captions`.

    Smiles stay out: the five landmarks do not tell them reliably across people and poses.
    """
    return photo.item.caption or compose(people, light=_light(photo.exposure, photo.warmth))


def _light(exposure: float, warmth: float) -> str | None:
    """The word for the light of a photo of mean luma `exposure` (0..1) and `warmth` (-1..1); None: not plain.

    Backdrops and clothes move both figures, so only extremes are named.
    """
    if exposure < DIM:
        return "dim light"
    if exposure > BRIGHT:
        return "bright light"
    if warmth > WARM:
        return "warm light"
    return "cool light" if warmth < COOL else None
