"""The self-test: an identity that is nobody's, a measured face, and a refusal where another face comes out."""

import numpy as np
import pytest
from PIL import Image

from components.packaging.references import Look
from components.packaging.selftest import SelfTest, nobody
from model.errors import UserError
from model.faces.analyser import Face
from model.sampler import Request
from tests.components.packaging.small import Finder, Painter, with_faces


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

    measured = SelfTest.measure(Painter(), Drawn(), [np.ones(4, np.float32)])
    assert measured.similarity is not None
    assert 0 < measured.similarity <= 1
    painter = Painter()
    measured.draw(painter, 4)
    ((order, *_),) = painter.orders
    assert order.embeddings.shape == (1, 4)
    assert order.patches is None
    assert order.seed == measured.seed


def test_a_siglip_branch_sees_the_face_that_the_embedding_drew() -> None:
    test, painter = SelfTest(identity=(1, 2, 3, 4), seed=5), Painter()

    def look(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
        x0, y0, x1, y1 = box.round().astype(int)
        return pixels[y0:y1, x0:x1].reshape(1, -1).astype(np.float32)

    test.draw(painter, 4, look)
    (first, _, _, silent), (second, _, _, heard) = painter.orders
    assert (silent, heard) == (0, 1)
    assert second.patches is not None
    assert set(second.patches.ravel()) == {110}  # what the painter paints of this identity
    assert (second.seed, second.embeddings.tolist()) == (5, first.embeddings.tolist())


def test_the_self_test_of_both_branches_fails_where_either_draws_another_face() -> None:
    class Both(Painter):
        """Paints a face with its look's colour where it is told a look."""

        def paint(self, request: Request) -> Image.Image:
            picture = super().paint(request)
            if request.patches is None:
                return picture
            return with_faces(40, grey=int(request.patches[0, 0, 0]))

    def seen(value: float) -> Look:
        return lambda _pixels, _box: np.full((1, 1), value, np.float32)

    finder, identity = Finder(), [np.full(4, 30, np.float32)] * 3
    measured = SelfTest.measure(Both(), finder, identity, seen(30))
    assert measured.similarity is not None
    measured.check(finder.analyse([measured.draw(Both(), 4, seen(30))])[0])
    with pytest.raises(UserError, match=r"the self-test's face has similarity 0\.000"):
        measured.check(finder.analyse([measured.draw(Both(), 4, seen(0))])[0])


def test_nobody_is_far_from_every_single_person_unless_they_are_many() -> None:
    people = [np.eye(8, dtype=np.float32)[index] * 5 for index in range(4)]
    mixed = nobody(people, 8)
    assert np.linalg.norm(mixed) == pytest.approx(5)
    assert max(float(mixed @ one) / 25 for one in people) == pytest.approx(0.5)
    alone = nobody([people[0], people[0] * 1.1], 8)
    assert abs(float(alone @ people[0]) / 25) < 0.9
    assert np.linalg.norm(nobody([], 16)) == pytest.approx(4)
