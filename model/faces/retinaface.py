"""RetinaFace with a MobileNet-0.25 backbone (Deng et al. 2019): boxes, scores and five landmarks at three strides."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))  # strides, and the two sizes of anchors at each, pixels


def _conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3, active: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.LeakyReLU(0.1)) if active else nn.Sequential(*layers)


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.LeakyReLU(0.1),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
    )


class Body(nn.Module):
    """Features at strides 8, 16 and 32 with 64, 128 and 256 channels."""

    def __init__(self) -> None:
        super().__init__()
        first = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.stage1 = nn.Sequential(_conv(3, 8, 2), *(_separable(*sizes) for sizes in first))
        self.stage2 = nn.Sequential(_separable(64, 128, 2), *(_separable(128, 128, 1) for _ in range(5)))
        self.stage3 = nn.Sequential(_separable(128, 256, 2), _separable(256, 256, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        a = self.stage1(x)
        b = self.stage2(a)
        return a, b, self.stage3(b)


class FeaturePyramid(nn.Module):
    """Brings the three levels to 64 channels and adds the coarser to the finer."""

    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(channels, 64, kernel=1) for channels in (64, 128, 256))
        self.merge1, self.merge2 = _conv(64, 64), _conv(64, 64)

    def forward(self, features: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        a, b, c = self.output1(features[0]), self.output2(features[1]), self.output3(features[2])
        b = self.merge2(b + F.interpolate(c, size=b.shape[-2:]))
        return [self.merge1(a + F.interpolate(b, size=a.shape[-2:])), b, c]


class Context(nn.Module):
    """Three receptive fields side by side (the SSH context module)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3X3 = _conv(64, 32, active=False)
        self.conv5X5_1, self.conv5X5_2 = _conv(64, 16), _conv(16, 16, active=False)
        self.conv7X7_2, self.conv7x7_3 = _conv(16, 16), _conv(16, 16, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = self.conv5X5_1(x)
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(wide), self.conv7x7_3(self.conv7X7_2(wide))], 1))


class Head(nn.Module):
    """`size` numbers for each of the two anchors of a cell."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.conv1x1 = nn.Conv2d(64, 2 * size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.size)


class RetinaFace(nn.Module):
    """Pictures [B,3,H,W] (BGR minus the mean) to box offsets [B,A,4], scores [B,A] and landmark offsets [B,A,10]."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = Body(), FeaturePyramid()
        self.ssh1, self.ssh2, self.ssh3 = Context(), Context(), Context()
        self.ClassHead = nn.ModuleList(Head(2) for _ in range(3))
        self.BboxHead = nn.ModuleList(Head(4) for _ in range(3))
        self.LandmarkHead = nn.ModuleList(Head(10) for _ in range(3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        levels = self.fpn(self.body(x))
        features = [context(level) for context, level in zip((self.ssh1, self.ssh2, self.ssh3), levels, strict=True)]

        def joined(heads: nn.ModuleList) -> torch.Tensor:
            return torch.cat([head(feature) for head, feature in zip(heads, features, strict=True)], 1)

        return joined(self.BboxHead), joined(self.ClassHead).softmax(-1)[..., 1], joined(self.LandmarkHead)


def anchors(height: int, width: int, places: NDArray[np.intp]) -> NDArray[np.float32]:
    """Centres and sizes [K,4] in pixels of the anchors at ascending `places` [K] in a picture of that size."""
    rows, start = [np.zeros((0, 4), np.float32)], 0
    for stride, sizes in LEVELS:
        columns = -(-width // stride)
        end = start + 2 * columns * -(-height // stride)
        cell, size = np.divmod(places[(places >= start) & (places < end)] - start, 2)
        y, x = np.divmod(cell, columns)
        side = np.array(sizes)[size]
        rows.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side, side], 1).astype(np.float32))
        start = end
    return np.concatenate(rows)
