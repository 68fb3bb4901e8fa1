"""The captions of a dataset's photos: their owners', else a vision-language model's, else what the pipeline knows."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from components.curation.caption import caption
from components.curation.captioner import CaptionExaminer, instruction
from components.curation.config import ATTRIBUTES, CurationConfig
from components.curation.examine import Marks
from components.curation.found import Found
from components.curation.vision_language import VisionLanguageModel

Pass = Callable[[Found, CaptionExaminer], Sequence[Marks]]  # shows photos to an examiner and keeps what it says
log = logging.getLogger(__name__)


def captions(found: Found, config: CurationConfig, look: Pass) -> Callable[[int], str]:
    """What gives the caption of the photo at a place of `found`; `look` goes through the photos for a model to look."""

    def plain(place: int) -> str:
        return caption(found.photos[place], int(found.counts[place]))

    if config.captioner == ATTRIBUTES:
        return plain
    made: dict[int, str] = {}
    model = VisionLanguageModel(config.captioner, config.device)
    asked = [
        "" if photo.item.caption else instruction(photo.image_id, int(people))
        for photo, people in zip(found.photos, found.counts, strict=True)
    ]
    failed = 0
    for text in sorted(set(asked) - {""}):
        places = [place for place, other in enumerate(asked) if other == text]
        wanted = np.isin(np.arange(len(asked)), places)
        part = found.keep(wanted, np.ones(len(found.photo), np.bool_))
        for place, marks in zip(places, look(part, CaptionExaminer(model, text)), strict=True):
            failed += marks["caption"] is None
            made[place] = marks["caption"] or ""
    if failed:
        log.warning("the captioner had no words for %d of %d photos; they keep a plain caption", failed, len(asked))
    return lambda place: made.get(place) or plain(place)
