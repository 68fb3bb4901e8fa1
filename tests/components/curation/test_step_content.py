"""The whole step with examiners and a captioner: what they say reaches the tables, and is kept for the next run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from components.curation import unwanted
from components.curation.album import Marks
from components.curation.captioner import OPENING, CaptionExaminer
from components.curation.config import CurationConfig
from model.dataset.dataset import Dataset
from tests.components.curation.vision_language_folder import save_tiny_model


class Wide:
    """Calls wide photos comic pages, all others suits."""

    name, version = "wide", "1"

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        return [{"tags": [["comic book" if photo.shape[1] == 320 else "suit", 0.9]]} for photo in photos]


@pytest.fixture
def album(painted: Callable[..., bytes]) -> dict[str, bytes]:
    """Three people with two photos each, and one photo that is wider than the others."""
    photos = {f"{name}/{n}.png": painted(k, seed=n) for k, name in enumerate("ABC", 1) for n in range(2)}
    return photos | {"wide.png": painted(1, 2, seed=5, width=320)}


def test_marks_and_captions_reach_the_tables(
    curate: Callable[..., Path], album: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwanted, "examiners", lambda config: [Wide()])
    model = save_tiny_model(tmp_path / "model")
    config = CurationConfig(captioner=str(model), heldout_fraction=0.0)
    first = Dataset.open(curate(album, config=config))
    assert list(zip(first.rejects["path"], first.rejects["reason"], strict=True)) == [("wide.png", "tag")]
    assert [list(tags) for tags in first.images["tags"]] == [["suit"]] * 6
    assert all(caption.startswith(OPENING) for caption in first.images["caption"])

    def asked(self: CaptionExaminer, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        raise AssertionError

    monkeypatch.setattr(CaptionExaminer, "examine", asked)
    again = Dataset.open(curate(album, name="again", config=config))
    assert list(again.images["caption"]) == list(first.images["caption"])
