"""Pictures in which people are coloured blocks, judges that know them, and case folders made of such pictures.

The block of a person has the colour (person, photo, 255): photos of one person are alike, not the same.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.components.evaluation.fakes import DIMS, vector
from validation.benchmark.judges import Sighting

SIDE = 24  # px of a block
Face = tuple[int, int]  # person and photo, each 1..255
Picture = NDArray[np.uint8]


def picture(faces: Sequence[Face], height: int = 96, width: int = 160, scale: int = 1) -> Picture:
    """The faces side by side on black, `scale` times as large."""
    canvas = np.zeros((height, width, 3), np.uint8)
    for place, (person, photo) in enumerate(faces):
        left = 8 + 36 * place
        canvas[30 : 30 + SIDE, left : left + SIDE] = (person, photo, 255)
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


class BlockEyes:
    """Finds the blocks; counts the pictures it was shown. `broken` people have no finite embedding."""

    def __init__(self, broken: Sequence[int] = ()) -> None:
        self.shown, self.broken = 0, set(broken)

    def look(self, pictures: Sequence[Picture]) -> list[Sighting]:
        self.shown += len(pictures)
        return [self._look(picture) for picture in pictures]

    def _look(self, seen: Picture) -> Sighting:
        boxes, faces = [], []
        labels = cv2.connectedComponentsWithStats((seen[..., 2] == 255).astype(np.uint8))
        for left, top, width, height, _ in labels[2][1:]:
            boxes.append([left, top, left + width, top + height])
            faces.append((int(seen[top, left, 0]), int(seen[top, left, 1])))
        rows = {judge: np.array([self.face(f, dim) for f in faces]).reshape(-1, dim) for judge, dim in DIMS.items()}
        return Sighting(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
            {judge: found.astype(np.float32) for judge, found in rows.items()},
        )

    def face(self, face: Face, dim: int) -> NDArray[np.float32]:
        if face[0] in self.broken:
            return np.full(dim, np.nan, np.float32)
        return vector(bytes([face[0]]), dim) + np.float32(0.6) * vector(bytes(face), dim)

    def embed(self, crops: Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
        raise AssertionError("cases from outside are looked at, not cut")


def write_case(
    folder: Path,
    people: Sequence[int],
    drawn: Sequence[Face] | None,
    *,
    meta: object = None,
    scale: int = 1,
    first: int = 1,
) -> Path:
    """A case folder: photo 1 of each person is the ground truth, photo 2 the reference; `drawn` None: no output."""
    folder.mkdir(parents=True)
    Image.fromarray(picture([(person, 1) for person in people])).save(folder / "ori.png")
    for number, person in enumerate(people, first):
        Image.fromarray(picture([(person, 2)])).save(folder / f"ref_{number}.png")
    if drawn is not None:
        Image.fromarray(picture(drawn, scale=scale)).save(folder / "out.png")
    (folder / "meta.json").write_text(json.dumps({"prompt": "people"} if meta is None else meta))
    return folder
