"""Find faces: batched RetinaFace detection with decoding and non-maximum suppression."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from model.boxes import iou
from model.faces.inference import Floats, for_inference, planes_of
from model.faces.retinaface import RetinaFace, anchors
from model.weights import weight

MEAN_BGR = (104.0, 117.0, 123.0)
LEAST = 0.6  # a face's score
OVERLAP = 0.4  # boxes that overlap more than this are one face


@dataclass(frozen=True)
class Detections:
    """Faces of one picture, best first: boxes [N,4] x1 y1 x2 y2, landmarks [N,5,2] in its pixels, scores [N] 0..1."""

    boxes: Floats
    scores: Floats
    landmarks: Floats


class Detector:
    """RetinaFace on RGB pictures of any size."""

    def __init__(self, network: RetinaFace, device: str = "cpu") -> None:
        self.network = network.eval().to(device)
        self.infer = for_inference(PlanesToFaces(self.network), 64, device, free=(0, 2, 3))

    @classmethod
    def load(cls, device: str = "cpu") -> "Detector":
        """The detector with its pretrained weights."""
        network, weights = RetinaFace(), load_file(weight("retinaface"))
        network.load_state_dict({name: weights[name] for name in network.state_dict() if name in weights})
        return cls(network, device)

    def detect(self, images: Sequence[NDArray[np.uint8]], max_side: int = 640) -> list[Detections]:
        """Faces of RGB `images` [H,W,3] scoring above `LEAST`; larger pictures are searched at `max_side` pixels.

        On a GPU, pictures of one size after shrinking go through the network together.
        """
        found: dict[int, Detections] = {}
        groups: dict[tuple[int, ...], list[tuple[int, NDArray[np.uint8]]]] = defaultdict(list)
        for index, image in enumerate(images):
            small = _shrink(image, max_side)
            groups[small.shape].append((index, small))
        for members in groups.values():
            for start in range(0, len(members), self.infer.at_once):
                part = members[start : start + self.infer.at_once]
                results = self._detect_batch([small for _, small in part])
                for (index, small), result in zip(part, results, strict=True):
                    found[index] = _enlarge(result, small, images[index])
        return [found[index] for index in range(len(images))]

    def _detect_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        height, width = images[0].shape[:2]
        results = []
        for offsets, scores, points in zip(*self.infer(planes_of(images)), strict=True):
            kept = np.flatnonzero(scores > LEAST)
            results.append(_decode(anchors(height, width, kept), offsets[kept], scores[kept], points[kept]))
        return results


class PlanesToFaces(nn.Module):
    """The network on RGB planes [B,3,H,W] in 0..255; the same outputs."""

    mean: torch.Tensor

    def __init__(self, network: RetinaFace) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1))

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.network(planes.flip(1).float() - self.mean)


def _shrink(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    scale = min(1.0, max_side / max(image.shape[:2]))
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarge(found: Detections, small: NDArray[np.uint8], image: NDArray[np.uint8]) -> Detections:
    """What was found in the `small` picture, in pixels of the `image`."""
    height, width = image.shape[:2]
    factor = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
    edge = np.array([width, height, width, height], np.float32)
    return Detections(np.clip(found.boxes * np.tile(factor, 2), 0, edge), found.scores, found.landmarks * factor)


def _decode(priors: Floats, offsets: Floats, scores: Floats, points: Floats) -> Detections:
    """Offsets to pixels with the variances 0.1 (centres) and 0.2 (sizes) of SSD, then suppression."""
    centres = priors[:, :2] + offsets[:, :2] * np.float32(0.1) * priors[:, 2:]
    sizes = priors[:, 2:] * np.exp(offsets[:, 2:] * np.float32(0.2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
    landmarks = priors[:, None, :2] + points.reshape(-1, 5, 2) * np.float32(0.1) * priors[:, None, 2:]
    kept = _suppress(boxes, scores)
    return Detections(boxes[kept], scores[kept], landmarks[kept])


def _suppress(boxes: Floats, scores: Floats) -> NDArray[np.intp]:
    """Indices of the boxes that no better box overlaps by more than `OVERLAP`, best first."""
    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes[order], boxes[order])
    alive = np.ones(len(order), bool)
    for rank in range(len(order)):
        if alive[rank]:
            alive[rank + 1 :] &= overlap[rank, rank + 1 :] <= OVERLAP
    return order[alive]
