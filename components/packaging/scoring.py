"""How a picture that was made compares with its references: numbers for the metrics and for a shadow's report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.packaging.references import Reference
from model.faces.analyser import Analyser, Face
from model.faces.geometry import align


@dataclass(frozen=True)
class Score:
    """A person in a picture. `similarity` is the cosine with the reference, 0 where no face was drawn.

    `copy` is the correlation of the two aligned faces' brightness, in [-1, 1]: who is the same but otherwise lit, posed
    and framed correlates little, a pasted photo gives 1. The benchmark's copy-paste needs a second photo of the person,
    which a request does not have.
    """

    similarity: float
    copy: float


def score(
    analyser: Analyser, picture: NDArray[np.uint8], boxes: NDArray[np.float32], references: Sequence[Reference]
) -> list[Score]:
    """Scores of the people in a picture [H, W, 3], by the face whose middle lies nearest to each box [N, 4]."""
    faces = analyser.analyse([picture])[0]
    return [_score(_at(faces, box), picture, reference) for box, reference in zip(boxes, references, strict=True)]


def _at(faces: Sequence[Face], box: NDArray[np.float32]) -> Face | None:
    """The face with its middle in the box, the one nearest to the box's middle."""
    middle = (box[:2] + box[2:]) / 2
    inside = [
        (float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle)), index)
        for index, face in enumerate(faces)
        if (np.abs((face.box[:2] + face.box[2:]) / 2 - middle) <= (box[2:] - box[:2]) / 2).all()
    ]
    return faces[min(inside)[1]] if inside else None


def _score(face: Face | None, picture: NDArray[np.uint8], reference: Reference) -> Score:
    if face is None:
        return Score(0.0, 0.0)
    return Score(
        _correlation(face.embedding, reference.embedding),
        _correlation(_brightness(align(picture, face.landmarks)), _brightness(reference.crop)),
    )


def _brightness(crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = crop.astype(np.float64).mean(axis=-1).ravel()
    return grey - grey.mean()


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(np.dot(a, b) / lengths, -1, 1)) if lengths else 0.0
