"""What drawn pictures have in common that photographed ones have not, such as a mouth that is askew in all of them."""

import torch
from torch import Tensor, nn

from model.pretraining.lpips import Lpips

LEVELS = 3  # of AlexNet's layers, from the finest on; coarser ones hardly know where a thing is
KEPT = {"drawn": 0.9, "photographed": 0.98}  # share of a running mean that stays; what is drawn changes sooner


class Typical(nn.Module):
    """The distance between the mean features of drawn and of photographed pictures [B, 3, H, W] of one size.

    A critic looks at one picture at a time, where the twist of a mouth is within what occurs; on the mean it shows.
    It asks nothing of a single picture (Salimans et al. 2016, feature matching, here with running means).
    """

    count: Tensor

    def __init__(self, eyes: Lpips, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))  # no whole number: all of a network is averaged
        for level, seen in enumerate(eyes.features(torch.zeros(1, 3, height, width))[:LEVELS]):
            for name in KEPT:
                self.register_buffer(f"{name}_{level}", torch.zeros_like(seen[0]))

    def forward(self, eyes: Lpips, drawn: Tensor, photographed: Tensor) -> Tensor:
        """The squared distance of the running means, these pictures included, whose gradient reaches `drawn`.

        Photographs count as often mirrored as not: that nobody smiles to one side is not learned from few.
        """
        with torch.no_grad():
            there = eyes.features(torch.cat([photographed, photographed.flip(3)]))
        total = torch.zeros((), device=drawn.device)
        for level, (seen, real) in enumerate(zip(eyes.features(drawn)[:LEVELS], there, strict=False)):
            mean = seen.float().mean(0)
            gap = self._running("drawn", level, mean) - self._running("photographed", level, real.float().mean(0))
            # A running mean follows its newest part by a tenth; the gradient here is as if it followed all the way.
            total = total + (gap.square() + 2 * gap * (mean - mean.detach())).sum(0).mean()
        self.count += 1
        return total

    @torch.no_grad()
    def _running(self, name: str, level: int, mean: Tensor) -> Tensor:
        kept: Tensor = getattr(self, f"{name}_{level}")
        share = min(KEPT[name], float(self.count / (self.count + 1)))
        return kept.mul_(share).add_((1 - share) * mean).clone()
