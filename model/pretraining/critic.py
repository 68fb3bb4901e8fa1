"""What is drawn beside what is photographed: a small critic on AlexNet's features of faces or pictures."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm

from model.pretraining.lpips import Lpips

CHANNELS = (64, 192, 384, 256, 256)  # of AlexNet's five layers
WIDTH = 64


class Critic(nn.Module):
    """Pictures [B, 3, H, W] in [-1, 1] to scores of their places, higher where they look photographed.

    Light heads on the features of a frozen network learn what matters in few steps (Sauer et al. 2021, Projected GANs).
    """

    def __init__(self) -> None:
        super().__init__()
        self.eyes = Lpips().requires_grad_(False)
        self.heads = nn.ModuleList(_head(channels) for channels in CHANNELS)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        features = self.eyes.features(pictures)
        return [head(seen * seen.shape[1] ** 0.5) for head, seen in zip(self.heads, features, strict=True)]

    def judgement(self, drawn: Tensor, photographed: Tensor) -> Tensor:
        """The hinge loss by which the critic learns to tell `drawn` pictures from `photographed` ones."""
        pairs = zip(self(drawn.detach()), self(photographed.detach()), strict=True)
        return _mean([F.relu(1 + one).mean() + F.relu(1 - other).mean() for one, other in pairs])

    def complaint(self, drawn: Tensor) -> Tensor:
        """How little `drawn` pictures look photographed; its gradient reaches them and leaves the critic alone."""
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        scores: list[Tensor] = functional_call(self, fixed, (drawn,))
        return _mean([-score.mean() for score in scores])


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, WIDTH, 1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(WIDTH, 1, 1)),
    )


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack([value.float() for value in values]).mean()
