"""Faces of pictures in one call: detect, align and embed, batched over pictures and over faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.device import check_device
from model.faces.detector import Detector
from model.faces.geometry import TEMPLATE_SIZE, align
from model.faces.inference import for_inference, planes_of
from model.faces.recogniser import Recogniser, load_recogniser


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

    def __init__(self, detector: Detector, recogniser: Recogniser, max_side: int = 640) -> None:
        self.detector, self.recogniser, self.max_side = detector, recogniser, max_side
        self.name, self.dim = recogniser.name, recogniser.dim
        self.infer = for_inference(PlanesToEmbeddings(recogniser), TEMPLATE_SIZE, str(recogniser.mean.device))

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Faces of each RGB picture [H,W,3], best score first."""
        found = self.detector.detect(images, self.max_side)
        crops = [align(image, points) for image, faces in zip(images, found, strict=True) for points in faces.landmarks]
        embeddings = iter(self.embed(crops))
        return [
            [
                Face(box, points, float(score), next(embeddings))
                for box, points, score in zip(f.boxes, f.landmarks, f.scores, strict=True)
            ]
            for f in found
        ]

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Raw embeddings [N,dim] of aligned RGB crops [112,112,3]."""
        rows = [np.zeros((0, self.dim), np.float32)]
        at_once = self.infer.at_once
        for start in range(0, len(crops), at_once):
            rows += self.infer(planes_of(crops[start : start + at_once]))
        return np.concatenate(rows)


class PlanesToEmbeddings(nn.Module):
    """The recogniser on RGB planes [B,3,112,112] in 0..255; the same output."""

    def __init__(self, recogniser: Recogniser) -> None:
        super().__init__()
        self.recogniser = recogniser

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        return self.recogniser(planes.float() / 255)


def load_analyser(recogniser: str = "facesdk", pack: Path | None = None, device: str = "cpu") -> Analyser:
    """The embedded analyser, or the one of an insightface `pack` folder (such as antelopev2) when it is given."""
    if pack is not None:
        from model.faces.insightface_pack import PackAnalyser

        return PackAnalyser(pack)
    check_device(device)
    return FaceAnalyser(Detector.load(device), load_recogniser(recogniser, device))
