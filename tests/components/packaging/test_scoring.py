"""Scores of a made picture: by the face in the box, near one for a pasted photo, zero where nobody was drawn."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from components.packaging.references import Reference
from components.packaging.scoring import Score, score
from model.faces.analyser import Face
from model.faces.geometry import align
from tests.components.packaging.small import POINTS

RNG = np.random.default_rng(0)
PHOTO = np.kron(RNG.integers(0, 256, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
LEFT, RIGHT = np.array([10, 20, 60, 70], np.float32), np.array([90, 20, 140, 70], np.float32)


def face(box: NDArray[np.float32], *embedding: float) -> Face:
    points = (box[:2] + (box[2] - box[0]) * POINTS).astype(np.float32)
    return Face(box, points, 0.9, np.array(embedding, np.float32))


class Sees:
    name, dim = "sees", 2

    def __init__(self, *faces: Face) -> None:
        self.seen = list(faces)

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        return [self.seen for _ in images]


def reference(box: NDArray[np.float32], *embedding: float) -> Reference:
    return Reference(np.array(embedding, np.float32), align(PHOTO, face(box, 1, 0).landmarks))


def test_a_pasted_photo_is_told_from_the_same_person_otherwise_lit() -> None:
    (pasted,) = score(Sees(face(LEFT, 2, 0)), PHOTO, LEFT[None], [reference(LEFT, 5, 0)])
    assert [pasted.similarity, pasted.copy] == pytest.approx([1, 1])
    (inverted,) = score(Sees(face(LEFT, 2, 0)), 255 - PHOTO, LEFT[None], [reference(LEFT, 5, 0)])
    assert [inverted.similarity, inverted.copy] == pytest.approx([1, -1], abs=0.01)


def test_each_box_has_its_own_face() -> None:
    seen = Sees(face(RIGHT, 0, 1), face(LEFT, 1, 0), face(LEFT + 9, -1, 0))
    scores = score(seen, PHOTO, np.stack([LEFT, RIGHT]), [reference(LEFT, 1, 0), reference(RIGHT, 0, 1)])
    assert [one.similarity for one in scores] == pytest.approx([1, 1])


def test_nobody_drawn_is_zero() -> None:
    for seen in (Sees(), Sees(face(RIGHT, 1, 0))):
        assert score(seen, PHOTO, LEFT[None], [reference(LEFT, 1, 0)]) == [Score(0.0, 0.0)]
