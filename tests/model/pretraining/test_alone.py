"""The backbone by itself: it learns to draw whom it nearly draws, and what is drawn with the adapter stays."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from model.faces.detector import Detections, Detector
from model.pretraining import alone, backbone
from model.pretraining.loop import Plan, pretrain
from model.training.step import AdaptedBackbone
from tests.model.tiny import tiny_adapter, tiny_backbone

STEPS = 2


@pytest.fixture
def base() -> AdaptedBackbone:
    model = AdaptedBackbone(tiny_backbone(), tiny_adapter())
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=draws))
    return model.requires_grad_(True)


@pytest.fixture
def usual(source: backbone.Source) -> alone.Usual:
    return alone.Usual(source.batches.data.embeddings.shape[1])


def gaps(
    model: AdaptedBackbone, before: AdaptedBackbone, source: backbone.Source, usual: alone.Usual
) -> dict[str, float]:
    found = alone.alone(model, before, [source], usual, STEPS)(0, np.random.default_rng(0))
    torch.testing.assert_close(found["loss"], found["alone"] + alone.KEPT * found["kept"])
    return {name: float(found[name].detach()) for name in ("alone", "kept")}


def test_who_draws_as_before_has_to_learn_what_the_adapter_does_alone(
    base: AdaptedBackbone, source: backbone.Source, usual: alone.Usual
) -> None:
    found = gaps(base, base, source, usual)
    assert found["kept"] == 0
    assert found["alone"] > 0


def test_an_adapter_that_does_nothing_leaves_nothing_to_learn(source: backbone.Source, usual: alone.Usual) -> None:
    model = AdaptedBackbone(tiny_backbone(), tiny_adapter(trained=False))
    assert gaps(model, model, source, usual) == {"alone": 0, "kept": 0}


def test_it_draws_alone_as_with_people_and_with_people_as_before(
    base: AdaptedBackbone, source: backbone.Source, usual: alone.Usual, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = copy.deepcopy(base)
    first = gaps(model, base, source, usual)
    plan = Plan(steps=40, learning_rate=3e-3, warm_up=3, average=0.5, weight_decay=0.0)
    loss = alone.alone(model, base, [source], usual, STEPS)
    model.load_state_dict(pretrain(model, loss, plan, tmp_path_factory.mktemp("alone")))
    last = gaps(model, base, source, usual)
    assert last["alone"] < 0.7 * first["alone"]
    assert last["kept"] < 0.1 * first["alone"]


def test_a_face_resembles_whom_it_departs_towards_from_what_is_usual() -> None:
    people = torch.eye(4, 8)[1:] + 0.1
    common = F.normalize(torch.tensor([0.0, 5.0, 0, 0, 0, 0, 0, 0]), dim=0)  # the first of the people, in every face
    usual = alone.Usual(8)
    everybody = common + 0.1 * torch.eye(4, 8)[1:]
    assert usual.resembled(everybody, people).tolist() == [0, 0, 0]  # nothing is usual yet
    for _ in range(100):
        usual.resembled(everybody, people)
    torch.testing.assert_close(usual.mean, F.normalize(everybody, dim=-1).mean(0), atol=0.01, rtol=0)
    assert usual.resembled(everybody, people).tolist() == [0, 1, 2]


class OneFace(Detector):
    """Finds a face in the first picture alone."""

    box = (8.0, 8.0, 40.0, 48.0)

    def __init__(self) -> None:
        """No network."""

    def detect(self, images: Sequence[NDArray[np.uint8]], _: int = 640) -> list[Detections]:
        points = np.array([[[18, 22], [32, 22], [25, 30], [20, 38], [30, 38]]], np.float32)
        none = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        one = Detections(np.array([self.box], np.float32), np.ones(1, np.float32), points)
        return [one, *[none] * (len(images) - 1)]


def test_faces_get_people_where_they_lie_and_pictures_without_one_keep_theirs(
    source: backbone.Source, usual: alone.Usual
) -> None:
    batch = source.batches.batch(0, backbone.DRAWN_PHASE)
    seen = replace(source, judges=replace(source.judges, detector=OneFace()))
    found = alone.of_the_resembled(batch, batch.clean, seen, usual)
    data = source.batches.data
    people = torch.from_numpy(data.embeddings[data.bank_rows])
    assert found.boxes[0, 0].tolist() == list(OneFace.box)
    assert (found.embeddings[0, 0] == people).all(1).any()
    assert not found.boxes[0, 1:].any()
    many = found.boxes.shape[1]
    assert torch.equal(found.boxes[1:], batch.boxes[1:, :many])
    assert torch.equal(found.embeddings[1:], batch.embeddings[1:, :many])
