"""Nudity scores: portraits of nobody are harmless, and a photo's score does not depend on the others in its batch."""

import numpy as np

from components.curation.nsfw import NsfwExaminer
from tests.faces import portraits


def test_portraits_are_harmless_whatever_their_size_and_company() -> None:
    examiner = NsfwExaminer()
    photos = [portraits()[0], portraits()[1][:, 20:200], np.full((96, 300, 3), 128, np.uint8)]
    together = [marks["nsfw"] for marks in examiner.examine(photos)]
    alone = [examiner.examine([photo])[0]["nsfw"] for photo in photos]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert min(together) >= 0
    assert max(together) < 0.2
    assert len(examiner.version) == 64


def test_the_score_sees_colours_in_their_order() -> None:
    photo = np.ascontiguousarray(portraits()[0])
    examiner = NsfwExaminer()
    right, swapped = examiner.examine([photo, np.ascontiguousarray(photo[..., ::-1])])
    assert right["nsfw"] != swapped["nsfw"]
