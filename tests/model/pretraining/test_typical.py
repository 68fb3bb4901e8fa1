"""The mean of what is drawn beside the mean of photographs: what all share is found, what one has is not."""

import pytest
import torch
from torch import Tensor

from model.pretraining.lpips import Lpips
from model.pretraining.typical import LEVELS, Typical

SIDE = 48


@pytest.fixture(scope="module")
def eyes() -> Lpips:
    return Lpips().requires_grad_(False)


def pictures(seed: int, count: int = 8) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def askew(shown: Tensor) -> Tensor:
    """With a bright bar that rises to one side."""
    bent = shown.clone()
    for column in range(12, 36):
        bent[:, :, 40 - column // 3, column] = 1
    return bent


def test_the_first_time_it_is_the_distance_of_the_two_means(eyes: Lpips) -> None:
    drawn, real = pictures(0), pictures(1)
    found = Typical(eyes, SIDE, SIDE)(eyes, drawn, real)
    means = [
        [seen.double().mean(0) for seen in eyes.features(each)[:LEVELS]]
        for each in (drawn, torch.cat([real, real.flip(3)]))
    ]
    wanted = sum((one - other).square().sum(0).mean() for one, other in zip(*means, strict=True))
    torch.testing.assert_close(found.double(), wanted)


def test_the_gradient_is_that_of_the_distance_of_the_means(eyes: Lpips) -> None:
    drawn, real = pictures(0, 2).requires_grad_(), pictures(1, 2)
    Typical(eyes, SIDE, SIDE)(eyes, drawn, real).backward()
    twin = drawn.detach().requires_grad_()
    seen, there = eyes.features(twin), eyes.features(torch.cat([real, real.flip(3)]))
    pairs = list(zip(seen, there, strict=True))[:LEVELS]
    torch.stack([(one.mean(0) - other.mean(0)).square().sum(0).mean() for one, other in pairs]).sum().backward()
    torch.testing.assert_close(drawn.grad, twin.grad)


def test_what_all_have_in_common_is_found_over_many_small_batches(eyes: Lpips) -> None:
    found = {}
    for name, change in (("straight", lambda shown: shown), ("askew", askew)):
        typical = Typical(eyes, SIDE, SIDE)
        for seed in range(30):
            found[name] = float(typical(eyes, change(pictures(seed, 2)), pictures(seed + 1000, 2)))
    assert found["askew"] > 3 * found["straight"]


def test_photographs_that_all_lean_to_one_side_do_not_teach_it(eyes: Lpips) -> None:
    typical, other = Typical(eyes, SIDE, SIDE), Typical(eyes, SIDE, SIDE)
    drawn, real = pictures(0), askew(pictures(1))
    torch.testing.assert_close(typical(eyes, drawn, real), other(eyes, drawn, real.flip(3)))


def test_it_goes_on_from_what_was_kept(eyes: Lpips) -> None:
    whole, again = Typical(eyes, SIDE, SIDE), Typical(eyes, SIDE, SIDE)
    whole(eyes, pictures(0), pictures(1))
    again.load_state_dict(whole.state_dict())
    assert torch.equal(whole(eyes, pictures(2), pictures(3)), again(eyes, pictures(2), pictures(3)))
    assert int(again.count) == 2
