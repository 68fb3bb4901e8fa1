"""One base of two: it learns what each draws, with the adapter and without, and nothing where it draws so already."""

import copy

import numpy as np
import pytest
import torch

from model.pretraining import backbone, distil
from model.pretraining.loop import Plan, pretrain
from model.training.step import AdaptedBackbone
from tests.model.tiny import tiny_adapter, tiny_backbone

STEPS = 2


def base(seed: int) -> AdaptedBackbone:
    model = AdaptedBackbone(tiny_backbone(), tiny_adapter())
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=draws))
    return model.requires_grad_(True)


def gaps(
    model: AdaptedBackbone, people: AdaptedBackbone, alone: AdaptedBackbone, source: backbone.Source
) -> list[float]:
    found = distil.distilled(model, people, alone, [source], STEPS)(0, np.random.default_rng(0))
    torch.testing.assert_close(found["loss"], found["people"] + found["alone"])
    return [float(found[name].detach()) for name in ("people", "alone")]


@pytest.fixture
def two() -> tuple[AdaptedBackbone, AdaptedBackbone]:
    return base(1), base(2)


def test_who_draws_as_both_do_has_nothing_to_learn(
    source: backbone.Source, two: tuple[AdaptedBackbone, AdaptedBackbone]
) -> None:
    people, alone = two
    assert gaps(people, people, people, source) == [0, 0]
    with_people, by_itself = gaps(people, people, alone, source)
    assert with_people == 0
    assert by_itself > 0


def test_another_adapter_is_no_gap_of_what_is_drawn_without(source: backbone.Source) -> None:
    people = base(1)
    other = copy.deepcopy(people)
    with torch.no_grad():
        for weight in other.adapter.parameters():
            weight.mul_(2)
    with_people, by_itself = gaps(other, people, people, source)
    assert with_people > 0
    assert by_itself == 0


def test_it_comes_nearer_to_both(
    source: backbone.Source, two: tuple[AdaptedBackbone, AdaptedBackbone], tmp_path_factory: pytest.TempPathFactory
) -> None:
    people, alone = two
    model = copy.deepcopy(people)
    before = gaps(model, people, alone, source)
    plan = Plan(steps=30, learning_rate=3e-3, warm_up=3, average=0.5, weight_decay=0.0)
    loss = distil.distilled(model, people, alone, [source], STEPS)
    model.load_state_dict(pretrain(model, loss, plan, tmp_path_factory.mktemp("distilled")))
    after = gaps(model, people, alone, source)
    assert after[1] < 0.5 * before[1]
    assert after[0] < before[1]
