"""LPIPS: zero for equal pictures, larger for larger differences, with gradients."""

import pytest
import torch

from model.pretraining.lpips import Lpips


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    return Lpips()


def test_equal_pictures_have_no_distance(lpips: Lpips) -> None:
    picture = torch.rand(2, 3, 40, 48) * 2 - 1
    assert lpips(picture, picture).abs().max() < 1e-6


def test_distance_is_symmetric_and_grows_with_blur(lpips: Lpips) -> None:
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), 64) * 2 - 1
    light, heavy = (torch.nn.functional.avg_pool2d(picture, k, 1, k // 2) for k in (3, 9))
    assert lpips(picture, light) == pytest.approx(float(lpips(light, picture)), rel=1e-4)
    assert 0 < lpips(picture, light) < lpips(picture, heavy)


def test_gradients_reach_the_picture_and_not_the_network(lpips: Lpips) -> None:
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    lpips(picture, torch.zeros(1, 3, 32, 32)).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in lpips.parameters())
