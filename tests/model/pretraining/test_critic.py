"""The critic: it learns to tell two kinds of faces apart, and what it says changes the face, not itself."""

import pytest
import torch
from torch import Tensor

from model.pretraining.critic import Critic


@pytest.fixture
def critic() -> Critic:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return Critic()


def faces(seed: int) -> Tensor:
    return torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_critic_learns_which_faces_are_photographed(critic: Critic) -> None:
    soft, sharp = torch.nn.functional.avg_pool2d(faces(1), 9, 1, 4), faces(2)
    optimiser = torch.optim.Adam(critic.heads.parameters(), 5e-3)
    before = float(critic.judgement(soft, sharp).detach())
    for _ in range(8):
        optimiser.zero_grad()
        critic.judgement(soft, sharp).backward()
        optimiser.step()
    assert float(critic.judgement(soft, sharp).detach()) < 0.8 * before
    assert critic.complaint(soft) > critic.complaint(sharp)


def test_each_side_gets_the_gradient_that_is_its_own(critic: Critic) -> None:
    drawn, photographed = faces(1).requires_grad_(), faces(2).requires_grad_()
    critic.judgement(drawn, photographed).backward()
    assert drawn.grad is None
    assert photographed.grad is None
    assert all(weight.grad is not None for weight in critic.heads.parameters())
    critic.zero_grad()
    critic.complaint(drawn).backward()
    assert drawn.grad is not None
    assert drawn.grad.any()
    assert all(weight.grad is None for weight in critic.parameters())
