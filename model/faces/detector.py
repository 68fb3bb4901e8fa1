"""Find faces: batched RetinaFace detection with decoding and non-maximum suppression."""

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from model.faces.geometry import iou
from model.faces.retinaface import RetinaFace, anchors
from model.weights import weight

MEAN_BGR = np.array([104, 117, 123], np.float32)
OVERLAP = 0.4  # boxes that overlap more than this are one face
BATCH = 8


@dataclass(frozen=True)
class Detections:
    """Faces of one picture, best first: boxes [N,4] x1 y1 x2 y2, landmarks [N,5,2] in its pixels, scores [N] 0..1."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]


class Detector:
    """RetinaFace on RGB pictures of any size."""

    def __init__(self, network: RetinaFace, device: str = "cpu") -> None:
        self.network = network.eval().to(device)
        self.device = device

    @classmethod
    def load(cls, device: str = "cpu") -> "Detector":
        """The detector with its pretrained weights."""
        network = RetinaFace()
        state = load_file(weight("retinaface"))
        network.load_state_dict({name: value for name, value in state.items() if name in network.state_dict()})
        return cls(network, device)

    @torch.inference_mode()
    def detect(
        self, images: Sequence[NDArray[np.uint8]], max_side: int = 640, threshold: float = 0.6
    ) -> list[Detections]:
        """Faces of RGB `images` [H,W,3] scoring above `threshold`; larger pictures are searched at `max_side` pixels.

        Pictures of one size after shrinking go through the network together.
        """
        found: list[Detections | None] = [None] * len(images)
        groups: dict[tuple[int, ...], list[tuple[int, NDArray[np.uint8]]]] = defaultdict(list)
        for index, image in enumerate(images):
            small = _shrink(image, max_side)
            groups[small.shape].append((index, small))
        for members in groups.values():
            for start in range(0, len(members), BATCH):
                part = members[start : start + BATCH]
                for (index, small), result in zip(
                    part, self._detect_batch([m[1] for m in part], threshold), strict=True
                ):
                    height, width = images[index].shape[:2]
                    factor = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
                    edge = np.array([width, height, width, height], np.float32)
                    found[index] = Detections(
                        np.clip(result.boxes * np.tile(factor, 2), 0, edge), result.scores, result.landmarks * factor
                    )
        return [result for result in found if result is not None]

    def _detect_batch(self, images: Sequence[NDArray[np.uint8]], threshold: float) -> list[Detections]:
        pixels = np.stack(images)[..., ::-1].astype(np.float32) - MEAN_BGR
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self.device)  # already channels-last in memory
        boxes, scores, points = self.network(batch)
        priors = _cached_anchors(*images[0].shape[:2])
        results = []
        for offsets, score, point in zip(boxes.cpu(), scores.cpu(), points.cpu(), strict=True):
            kept = score > threshold
            results.append(_decode(priors[kept], offsets[kept], score[kept], point[kept]))
        return results


@functools.lru_cache(maxsize=64)
def _cached_anchors(height: int, width: int) -> torch.Tensor:
    return anchors(height, width)


def _shrink(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    scale = min(1.0, max_side / max(image.shape[:2]))
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _decode(priors: torch.Tensor, offsets: torch.Tensor, scores: torch.Tensor, points: torch.Tensor) -> Detections:
    """Offsets to pixels with the variances 0.1 (centres) and 0.2 (sizes) of SSD, then suppression."""
    centres = priors[:, :2] + offsets[:, :2] * 0.1 * priors[:, 2:]
    sizes = priors[:, 2:] * torch.exp(offsets[:, 2:] * 0.2)
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1).numpy()
    landmarks = (priors[:, None, :2] + points.reshape(-1, 5, 2) * 0.1 * priors[:, None, 2:]).numpy()
    kept = _suppress(boxes, scores.numpy())
    return Detections(boxes[kept], scores.numpy()[kept], landmarks[kept])


def _suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of the boxes that no better box overlaps by more than `OVERLAP`, best first."""
    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes[order], boxes[order])
    alive = np.ones(len(order), bool)
    for rank in range(len(order)):
        if alive[rank]:
            alive[rank + 1 :] &= overlap[rank, rank + 1 :] <= OVERLAP
    return order[alive]
