"""What a picture is like apart from its faces: CLIP-I, CLIP-T, aesthetic score, where the user has the weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluation.config import EvaluationConfig
from model.aesthetic import AestheticPredictor
from model.clip import Clip

KEYS = ["case_id", "system", "seed"]
AT_ONCE = 16  # pictures that go through a network together
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """A picture to be measured, with its case's prompt and ground truth."""

    case_id: str
    system: str
    seed: int
    picture: Picture
    prompt: str
    truth: Picture


class Appearance:
    """The networks that the settings name; a metric without weights is absent, with the reason in `absent`."""

    def __init__(self, config: EvaluationConfig) -> None:
        """Raises UserError where a folder lacks a file."""
        self.clip = Clip(config.clip, "evaluate.clip", config.device) if config.clip else None
        self.predictor = (
            AestheticPredictor(config.aesthetic, "evaluate.aesthetic", config.device) if config.aesthetic else None
        )

    @property
    def absent(self) -> dict[str, str]:
        """The metrics that are not measured, and why."""
        found = (
            {} if self.clip else dict.fromkeys(("clip_i", "clip_t"), "no weights of CLIP are given in evaluate.clip")
        )
        if not self.predictor:
            found["aesthetic"] = "no weights of an aesthetic predictor are given in evaluate.aesthetic"
        return found

    def measure(self, shown: Sequence[Shown]) -> pd.DataFrame:
        """One row a picture: `case_id`, `system`, `seed` and the metrics that are measured.

        CLIP-I = cos(CLIP(picture), CLIP(ground truth)) and CLIP-T = cos(CLIP(picture), CLIP(prompt)), no unit, in
        [-1, 1]; the aesthetic score is the predictor's, with the published weights from 1 to 10.
        """
        frame = pd.DataFrame([(one.case_id, one.system, one.seed) for one in shown], columns=KEYS)
        if self.clip and shown:
            cases = {one.case_id: one for one in shown}
            pictures = np.concatenate([self.clip.pictures(part) for part in _parts([one.picture for one in shown])])
            truths = {name: self.clip.pictures([one.truth])[0] for name, one in cases.items()}
            prompts = {name: self.clip.texts([one.prompt])[0] for name, one in cases.items()}
            frame["clip_i"] = np.einsum("nd,nd->n", pictures, np.stack([truths[one.case_id] for one in shown]))
            frame["clip_t"] = np.einsum("nd,nd->n", pictures, np.stack([prompts[one.case_id] for one in shown]))
        if self.predictor and shown:
            parts = _parts([one.picture for one in shown])
            frame["aesthetic"] = [score for part in parts for score in self.predictor.scores(part)]
        return frame


def _parts(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    for start in range(0, len(pictures), AT_ONCE):
        yield pictures[start : start + AT_ONCE]
