"""How likely a photo shows nudity: the open_nsfw classifier (Mahadeokar and Pesavento 2016)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.curation.album import Marks
from model.artefacts import file_digest
from model.weights import weight

SIDE, CROP = 256, 224  # pixels: the photo is squeezed to a square, whose middle is looked at, as in training
MEAN_BGR = np.array([104, 117, 123], np.float32)


class NsfwExaminer:
    """Gives each photo `nsfw`, 0..1. Its authors call below 0.2 safe and above 0.8 almost surely not."""

    name = "nsfw"

    @cached_property
    def version(self) -> str:
        """The digest of the weights."""
        return file_digest(weight("open-nsfw"))

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of RGB photos [H, W, 3] of any size."""
        batch = np.stack([_prepared(photo) for photo in photos])
        (scores,) = self._session.run(None, {self._session.get_inputs()[0].name: batch})
        return [{"nsfw": float(score)} for score in scores[:, 1]]

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the pass runs one part a core
        return onnxruntime.InferenceSession(str(weight("open-nsfw")), options, providers=["CPUExecutionProvider"])


def _prepared(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's view [224, 224, 3] of an RGB photo: BGR less the mean."""
    square = Image.fromarray(photo).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    edge = (SIDE - CROP) // 2
    middle = np.asarray(square, np.float32)[edge : edge + CROP, edge : edge + CROP]
    return middle[..., ::-1] - MEAN_BGR
