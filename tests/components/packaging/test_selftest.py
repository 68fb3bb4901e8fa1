"""The self-test: an identity that is nobody's, a measured face, and a refusal where another face comes out."""

from typing import cast

import numpy as np
import pytest

from components.packaging.selftest import SelfTest, nobody
from model.errors import UserError
from model.faces.analyser import Face
from model.sampler import Sampler
from tests.components.packaging.small import Finder, Painter


def face(*embedding: float) -> Face:
    return Face(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 0.9, np.array(embedding, np.float32))


def test_only_the_measured_face_passes() -> None:
    test = SelfTest(identity=(1, 0, 0), seed=3, similarity=0.4)
    test.check([face(1, 1, 0), face(0, 0, 1)])
    for faces in ([], [face(0.1, 1, 0)], [face(-1, 0, 0)]):
        with pytest.raises(UserError, match="the self-test's face has similarity"):
            test.check(faces)
    SelfTest().check([])  # of a model whose faces are not found


def test_the_seed_with_the_best_face_is_measured() -> None:
    class Drawn(Finder):
        calls = 0

        def faces(self, image: np.ndarray) -> list[Face]:
            self.calls += 1
            return (
                []
                if self.calls == 1
                else [face(*([1.0] * self.calls), *([0.0] * (4 - self.calls)))]
                if self.calls < 5
                else []
            )

    measured = SelfTest.measure(cast(Sampler, Painter()), Drawn(), [np.ones(4, np.float32)])
    assert measured.similarity is not None
    assert 0 < measured.similarity <= 1
    boxes, width, height = Painter().layout(1)
    order = measured.order(boxes, width, height, 4)
    assert order.embeddings.shape == (1, 4)
    assert order.seed == measured.seed


def test_nobody_is_far_from_every_single_person_unless_they_are_many() -> None:
    people = [np.eye(8, dtype=np.float32)[index] * 5 for index in range(4)]
    mixed = nobody(people, 8)
    assert np.linalg.norm(mixed) == pytest.approx(5)
    assert max(float(mixed @ one) / 25 for one in people) == pytest.approx(0.5)
    alone = nobody([people[0], people[0] * 1.1], 8)
    assert abs(float(alone @ people[0]) / 25) < 0.9
    assert np.linalg.norm(nobody([], 16)) == pytest.approx(4)
