"""Faces of pictures in one call: detect, align and embed, batched over pictures and over faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from model.faces.detector import Detector
from model.faces.geometry import align
from model.faces.recogniser import Recogniser, load_recogniser

CROPS_AT_ONCE = 64


@dataclass(frozen=True)
class Face:
    """One face: box [4] x1 y1 x2 y2 and landmarks [5,2] in pixels, score in 0..1, raw embedding [dim]."""

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float
    embedding: NDArray[np.float32]


class Analyser(Protocol):
    """What finds and embeds faces: the embedded networks or a user's insightface pack."""

    name: str
    dim: int

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Faces of each RGB picture [H,W,3], best score first."""
        ...


class FaceAnalyser:
    """The embedded detector with one embedded recogniser."""

    def __init__(self, detector: Detector, recogniser: Recogniser, threshold: float = 0.6, max_side: int = 640) -> None:
        self.detector, self.recogniser = detector, recogniser
        self.threshold, self.max_side = threshold, max_side
        self.name, self.dim = recogniser.name, recogniser.dim

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Faces of each RGB picture [H,W,3], best score first."""
        found = self.detector.detect(images, self.max_side, self.threshold)
        crops = [align(image, points) for image, faces in zip(images, found, strict=True) for points in faces.landmarks]
        embeddings = iter(self.embed(crops))
        return [
            [
                Face(box, points, float(score), next(embeddings))
                for box, points, score in zip(f.boxes, f.landmarks, f.scores, strict=True)
            ]
            for f in found
        ]

    @torch.inference_mode()
    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Raw embeddings [N,dim] of aligned RGB crops [112,112,3]."""
        rows = [np.zeros((0, self.dim), np.float32)]
        device = self.recogniser.mean.device
        for start in range(0, len(crops), CROPS_AT_ONCE):
            pixels = torch.from_numpy(np.stack(crops[start : start + CROPS_AT_ONCE])).to(device)
            rows.append(self.recogniser(pixels.permute(0, 3, 1, 2).float() / 255).cpu().numpy())
        return np.concatenate(rows)


def load_analyser(recogniser: str = "facesdk", pack: Path | None = None, device: str = "cpu") -> Analyser:
    """The embedded analyser, or the one of an insightface `pack` folder (such as antelopev2) when it is given."""
    if pack is not None:
        from model.faces.insightface_pack import PackAnalyser

        return PackAnalyser(pack)
    return FaceAnalyser(Detector.load(device), load_recogniser(recogniser, device))
