"""The channels-last layout changes no value and no gradient, and keeps normalisations on plain tensors."""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from model.channels_last import channels_last
from tests.model.tiny import tiny_autoencoder


def _decoded(network: AutoencoderKL, latents: Tensor) -> tuple[Tensor, Tensor]:
    latents = latents.clone().requires_grad_()
    pixels = network.decode(latents).sample
    pixels.square().mean().backward()
    assert latents.grad is not None
    return pixels.detach(), latents.grad


def test_values_and_gradients_stay() -> None:
    torch.manual_seed(0)
    latents = torch.randn(2, 4, 4, 4)
    plain, moved = _decoded(tiny_autoencoder(), latents), _decoded(channels_last(tiny_autoencoder()), latents)
    for one, other in zip(plain, moved, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_normalisations_see_plain_tensors_and_convolutions_the_other_layout() -> None:
    network = channels_last(nn.Sequential(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 3)))
    seen: dict[str, bool] = {}
    network[1].forward, plain = lambda x: (seen.update(norm=x.is_contiguous()), plain(x))[1], network[1].forward
    network[2].register_forward_pre_hook(
        lambda _, inputs: seen.update(conv=inputs[0].is_contiguous(memory_format=torch.channels_last))
    )
    network(torch.randn(1, 4, 9, 9))
    assert seen == {"norm": True, "conv": True}
