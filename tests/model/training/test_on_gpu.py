"""One step on a pretended GPU: it gives what it gives on a CPU, and does not wait for the GPU face by face."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.losses import decode as decoding
from model.training.step import losses
from tests.model.tiny import TinyRecogniser
from tests.model.training.test_crowds import PHASE, crowds, networks
from tests.pretended_gpu import GPU, Pretended, apart

Outcome = tuple[dict[str, float], list[Tensor], int]
WINDOWS, WHOLE = -99.0, 99.0  # what a pass without gradient is said to cost, so that these are decoded
BOTH = PHASE.model_copy(update={"contrastive": 0.1})


def step(people: tuple[int, ...], cost: float, device: torch.device) -> Outcome:
    """Losses and gradients of pictures of so many people each, and how often the device was waited for."""
    with Pretended() as gpu, pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "PASS_WITHOUT_GRADIENT", cost)
        torch.manual_seed(0)
        model, judges = networks()
        model.to(device)
        judges = replace(
            judges,
            autoencoder=judges.autoencoder.to(device),
            recognise=TinyRecogniser().to(device),
            bank=judges.bank.to(device),
        )
        batch = crowds(*people).to(device)
        before = gpu.waits
        found = losses(model, batch, judges, BOTH)
        found["total"].backward()
        waits = gpu.waits - before
        gradients = [weight.grad.cpu() for weight in model.adapter.parameters() if weight.grad is not None]
        return {name: float(value.detach()) for name, value in found.items()}, gradients, waits


@pytest.mark.parametrize("cost", [WINDOWS, WHOLE], ids=["windows", "whole pictures"])
def test_a_step_on_a_gpu_is_that_on_a_cpu(cost: float) -> None:
    here, there = (apart(step, (1, 3), cost, device) for device in (torch.device("cpu"), GPU))
    assert there[0] == pytest.approx(here[0], rel=1e-4)
    for its, ours in zip(there[1], here[1], strict=True):
        torch.testing.assert_close(its, ours, rtol=1e-3, atol=1e-5)


def test_a_gpu_is_not_waited_for_face_by_face() -> None:
    few, many = (apart(step, people, WINDOWS, GPU)[2] for people in ((1, 1), (5, 4, 5, 3)))
    assert few == many
    assert few < 8
