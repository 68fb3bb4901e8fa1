"""What a photo shows, as ImageNet classes: the tags by which comic pages, web pages and collages are found."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from model.artefacts import file_digest
from model.weights import weight

TAGS = 5  # most tags of a photo
FLOOR = 0.1  # least probability of a tag
MIDDLE, SPREAD = 127.0, 128.0  # pixels are given as (x - 127) / 128
WEIGHTS = ("efficientnet-lite0", "imagenet-classes", "imagenet-names")


class TagExaminer:
    """Gives each photo `tags`, up to five pairs of label and probability, most probable first."""

    name = "tags"

    @cached_property
    def version(self) -> str:
        """The digests of the weights and of the lists of labels."""
        return "-".join(file_digest(weight(name))[:16] for name in WEIGHTS)

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of RGB photos [H, W, 3] of any size."""
        import torch

        from components.curation.efficientnet import logits

        batch = torch.from_numpy(np.stack([_prepared(photo) for photo in photos]))
        chances = logits(self._tensors, batch).softmax(-1).numpy()
        return [{"tags": self._tags(row)} for row in chances]

    @cached_property
    def _names(self) -> list[str]:
        return class_names()

    @cached_property
    def _tensors(self) -> Any:
        from safetensors.torch import load_file

        return load_file(weight("efficientnet-lite0"))

    def _tags(self, chances: NDArray[np.float32]) -> list[tuple[str, float]]:
        best = np.argsort(-chances)[:TAGS]
        return [(self._names[place], float(chances[place])) for place in best if chances[place] >= FLOOR]


def class_names() -> list[str]:
    """The first word or phrase that WordNet has for each of the 1000 ImageNet classes, in the network's order."""
    lines = weight("imagenet-names").read_text(encoding="utf-8").splitlines()
    lemmas = dict(line.split("\t", 1) for line in lines if line)
    return [lemmas[number].split(",")[0] for number in weight("imagenet-classes").read_text().split()]


def _prepared(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's view [3, 224, 224] of an RGB photo: the square of its middle."""
    from components.curation.efficientnet import SIDE

    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side]
    small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(((small.astype(np.float32) - MIDDLE) / SPREAD).transpose(2, 0, 1))
