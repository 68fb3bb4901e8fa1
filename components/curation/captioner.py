"""Captions by a vision-language model: what it is asked, and what is made of its answer."""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from components.curation.vision_language import VisionLanguageModel
from model.captions import compose

OPENING = "This image shows"
WORDS = 77  # most words of a caption, as published
RULES = f"Answer in one paragraph of at most {WORDS} words that begins with '{OPENING}'. Name nobody."
INSTRUCTIONS = (  # each is asked of a part of the photos, so that captions are not all of one build
    "Describe what every person wears, their apparent gender, and what they are doing.",
    "Describe the people from left to right: clothes, accessories, apparent gender and posture.",
    "Say what is going on, then describe each person's clothes, accessories and pose.",
    "Describe how the people stand or sit to each other, what they wear and what they do.",
    "Describe the scene in a few words, then the clothes, apparent gender and action of each person.",
    "Describe the clothes and accessories in detail, and each person's posture and expression.",
)
log = logging.getLogger(__name__)


def instruction(image_id: str, people: int) -> str:
    """What is asked about a photo of `people`: one of `INSTRUCTIONS`, always the same one for the same id."""
    number = int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:4], "big") % len(INSTRUCTIONS)
    return f"The photo shows {compose(people)}. {INSTRUCTIONS[number]} {RULES}"


class CaptionExaminer:
    """Gives each photo `caption`, the model's answer to one instruction; None where the model has no usable answer."""

    name = "caption"

    def __init__(self, model: VisionLanguageModel, instruction: str) -> None:
        self._model, self._instruction = model, instruction

    @property
    def version(self) -> str:
        """The digest of the model and of what it is asked."""
        return f"{self._model.version[:32]}-{hashlib.sha256(self._instruction.encode()).hexdigest()[:32]}"

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of RGB photos [H, W, 3] of any size; a photo that the model fails on does not touch the others."""
        try:
            answers = self._model.answer(photos, self._instruction)
        except (ValueError, RuntimeError, IndexError) as error:
            if len(photos) == 1:
                log.debug("the model failed on a photo: %s", error)
                return [{"caption": None}]
            return [marks for photo in photos for marks in self.examine([photo])]
        return [{"caption": tidy(answer)} for answer in answers]


def tidy(answer: str) -> str | None:
    """One paragraph of at most `WORDS` words that begins with `OPENING`; None where the answer has no word.

    A longer one ends with its last whole sentence, or where it has none, at the limit.
    """
    words = answer.split()
    if not any(letter.isalpha() for letter in answer):
        return None
    opening = OPENING.split()
    if [word.lower() for word in words[: len(opening)]] == [word.lower() for word in opening]:
        words = words[len(opening) :]
        if not words:
            return None
    else:
        words[0] = words[0][0].lower() + words[0][1:]
    room = WORDS - len(opening)
    if len(words) > room:
        words = words[:room]
        ends = [place for place, word in enumerate(words) if word.endswith((".", "!", "?"))]
        words = words[: ends[-1] + 1] if ends else words
    return " ".join([*opening, *words])
