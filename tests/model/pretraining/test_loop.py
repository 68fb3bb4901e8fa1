"""The pretraining loop: it learns, and a broken run goes on as if nothing had happened."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from model.errors import UserError
from model.pretraining import loop
from model.pretraining.loop import Loss, Plan, pretrain

PLAN = Plan(steps=40, learning_rate=0.05, warm_up=4, average=0.5, seed=5)


def _linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(3, 1)


def _fit(network: nn.Linear, stop_at: int | None = None) -> Loss:
    """The loss of fitting a plane; raises at step `stop_at` to stand for a lost machine."""

    def loss(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        if step == stop_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(16, 3))).float()
        return {"loss": (network(x) - x @ torch.tensor([[1.0], [-2.0], [0.5]])).square().mean()}

    return loss


def test_it_learns_and_notes_the_curve(tmp_path: Path) -> None:
    network = _linear()
    average = pretrain(network, _fit(network), PLAN, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 10, 20, 30]
    assert rows[-1]["loss"] < 0.2 * rows[0]["loss"]
    assert set(average) == {"weight", "bias"}


def test_a_broken_run_resumes_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 8)
    network = _linear()
    expected = pretrain(network, _fit(network), PLAN, tmp_path / "whole")
    broken = _linear()
    with pytest.raises(KeyboardInterrupt):
        pretrain(broken, _fit(broken, stop_at=21), PLAN, tmp_path / "broken")
    resumed = _linear()
    found = pretrain(resumed, _fit(resumed), PLAN, tmp_path / "broken")
    for name in expected:
        assert torch.equal(found[name], expected[name]), name
    rows = [json.loads(line) for line in (tmp_path / "broken" / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 10, 20, 30]


@pytest.mark.parametrize("change", [{"steps": 60}, {"learning_rate": 0.01}, {"seed": 6}])
def test_what_another_plan_left_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any]) -> None:
    network = _linear()
    expected = pretrain(network, _fit(network), PLAN, tmp_path)
    other = _linear()
    ((field, value),) = change.items()
    words = rf"{field} is {value}, .* began with {getattr(PLAN, field)}; .*: give .* again, or delete {tmp_path}"
    with pytest.raises(UserError, match=words):
        pretrain(other, _fit(other), replace(PLAN, **change), tmp_path)
    again = _linear()
    found = pretrain(again, _fit(again), PLAN, tmp_path)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_what_began_with_other_weights_is_not_gone_on_with(tmp_path: Path) -> None:
    network = _linear()
    pretrain(network, _fit(network), PLAN, tmp_path)
    other = nn.Linear(3, 1)
    with pytest.raises(UserError, match=rf"weights is [0-9a-f]{{12}}, .* began with [0-9a-f]{{12}}; .* {tmp_path}"):
        pretrain(other, _fit(other), PLAN, tmp_path)


def test_a_gradient_that_is_not_finite_ends_it_before_the_weights_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 1)
    network = _linear()
    fit = _fit(network)

    def spoiled(step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        return {"loss": fit(step, rng)["loss"] * (float("inf") if step == 8 else 1)}

    with pytest.raises(RuntimeError, match="non-finite"):
        pretrain(network, spoiled, PLAN, tmp_path)
    assert all(value.isfinite().all() for value in load_file(tmp_path / "state.safetensors").values())
    assert all(value.isfinite().all() for value in network.parameters())


def test_the_rate_rises_then_falls_to_zero() -> None:
    rates = [loop._rate(step, PLAN) for step in range(PLAN.steps)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert all(a >= b for a, b in itertools.pairwise(rates[3:]))
    assert rates[-1] < 0.01
