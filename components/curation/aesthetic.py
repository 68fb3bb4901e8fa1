"""Marks photos with how pleasing they are, for users who have the weights of an aesthetic predictor."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from model.aesthetic import AestheticPredictor
from model.artefacts import folder_digest


class AestheticExaminer:
    """Gives each photo `aesthetic`, the score of `model.aesthetic`."""

    name = "aesthetic"

    def __init__(self, folder: str, device: str) -> None:
        """Raises `UserError` where a file of the folder is missing; nothing is loaded yet."""
        self._predictor = AestheticPredictor(folder, "curate.aesthetic", device)

    @cached_property
    def version(self) -> str:
        """The digest of the folder."""
        return folder_digest(self._predictor.folder)

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of RGB photos [H, W, 3] of any size."""
        return [{"aesthetic": score} for score in self._predictor.scores(photos)]
