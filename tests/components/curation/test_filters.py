"""Which photos and faces are good enough: sizes, and who counts among the people of a photo."""

from dataclasses import replace

import numpy as np
import pytest

from components.curation.config import CurationConfig
from components.curation.filters import drop_unusable
from tests.components.curation.faces import found_of


@pytest.mark.parametrize(
    ("sides", "score", "usable", "reason"),
    [
        ([60, 40, 40, 40, 36], 0.9, 5, None),
        ([60, 40, 40, 40, 36, 36], 0.9, 0, "crowd"),
        ([46, 43, 40, 40, 35, 28], 0.9, 0, "crowd"),
        ([46, 43, 40, 40, 22, 22, 22, 22], 0.9, 4, None),
        ([46, 43, 40, 40, 35, 22, 22], 0.9, 0, "small_faces"),
        ([200, 180, 35, 35, 35, 35, 35], 0.9, 2, None),
        ([46, 43, 40, 40, 35, 28], 0.5, 4, None),
        ([35] * 9, 0.9, 0, "small_faces"),
    ],
    ids=["five", "six", "small ones of the group", "bystanders", "one too small", "far behind", "doubtful", "none"],
)
def test_who_is_of_the_group_counts(sides: list[int], score: float, usable: int, reason: str | None) -> None:
    """The last two faces are found with this `score`."""
    found = found_of([0] * len(sides), np.ones((len(sides), 4)))
    corners = np.repeat(np.array(sides, np.float32)[:, None], 2, axis=1)
    scores = np.array([0.9] * (len(sides) - 2) + [score] * 2, np.float32)
    found = replace(found, box=np.hstack([np.zeros_like(corners), corners]), score=scores)
    found = replace(found, sharpness=np.full(len(sides), 99, np.float32), exposure=np.full(len(sides), 0.5, np.float32))
    kept, rejects = drop_unusable(found, CurationConfig())
    assert (len(kept.photo), [reject.reason for reject in rejects]) == (usable, [reason] if reason else [])
