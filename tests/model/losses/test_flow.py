"""Flow matching: the path, its velocity, the loss and the time schedule against their definitions."""

import math

import pytest
import torch

from model.losses.flow import flow_loss, noised, predicted_clean, sample_times, sampling_times, shifted


def test_the_true_velocity_leads_back_to_the_clean_latent_and_costs_nothing() -> None:
    clean, noise = torch.randn(3, 4, 5).double(), torch.randn(3, 4, 5).double()
    t = torch.tensor([0.0, 0.4, 1.0]).double()
    x_t = noised(clean, noise, t)
    torch.testing.assert_close(x_t[0], clean[0])
    torch.testing.assert_close(x_t[2], noise[2])
    torch.testing.assert_close(predicted_clean(x_t, noise - clean, t), clean)
    assert flow_loss(noise - clean, clean, noise).tolist() == [0, 0, 0]


def test_loss_is_the_mean_square_over_all_values_of_a_sample() -> None:
    velocity, clean, noise = (torch.randn(2, 3, 4).double() for _ in range(3))
    expected = [
        sum((v - (n - c)) ** 2 for v, n, c in zip(a.flatten(), b.flatten(), d.flatten(), strict=True)) / 12
        for a, b, d in zip(velocity, noise, clean, strict=True)
    ]
    torch.testing.assert_close(flow_loss(velocity, clean, noise), torch.stack(expected))
    assert flow_loss(velocity.bfloat16(), clean.bfloat16(), noise.bfloat16()).dtype == torch.float32


def test_weights_make_it_a_weighted_mean_over_tokens() -> None:
    velocity, clean, noise = (torch.randn(2, 3, 4).double() for _ in range(3))
    weights = torch.tensor([[1.0, 4.0, 1.0], [2.0, 2.0, 2.0]]).double()
    squares = (velocity - noise + clean).square().mean(-1)
    expected = torch.stack([squares[0] @ weights[0] / 6, squares[1].mean()])
    torch.testing.assert_close(flow_loss(velocity, clean, noise, weights), expected)
    torch.testing.assert_close(flow_loss(velocity, clean, noise, 7 * weights), expected)


def test_gradients() -> None:
    velocity = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    clean, noise = torch.randn(2, 3).double(), torch.randn(2, 3).double()
    assert torch.autograd.gradcheck(lambda v: flow_loss(v, clean, noise), velocity)
    t = torch.tensor([0.2, 0.9]).double()
    assert torch.autograd.gradcheck(lambda v: predicted_clean(clean, v, t), velocity)


@pytest.mark.parametrize("mu", [0.0, 0.63, 1.15])
def test_shift_is_the_published_formula(mu: float) -> None:
    for s in (0.1, 0.5, 0.9):
        expected = math.exp(mu) / (math.exp(mu) + 1 / s - 1)
        assert float(shifted(torch.tensor(s).double(), math.exp(mu))) == pytest.approx(expected, rel=1e-6)


def test_sampling_goes_from_noise_to_picture_and_training_times_fill_the_range_evenly() -> None:
    times = sampling_times(7, shift=3.0)
    assert len(times) == 8
    assert times[0] == 1
    assert times[-1] == 0
    assert (times.diff() < 0).all()
    drawn = sample_times(16, 1.0, torch.Generator().manual_seed(1)).sort().values
    assert torch.equal((drawn * 16).floor(), torch.arange(16.0))
