"""The two MobileFaceNet layouts (Chen et al. 2018) of the embedded recognisers; attributes as in their weight files."""

import torch
from torch import nn


def _conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class _Inverted(nn.Module):
    """Inverted residual with ReLU6."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            _conv_bn(inputs, hidden, 1),
            _conv_bn(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class _Separable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False)
        self.pointwise = nn.Conv2d(64, 64, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.pointwise(self.bn1(self.depthwise(x)).relu())).relu()


class _GlobalDepthwise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(512, 512, 7, groups=512, bias=False)
        self.bn = nn.BatchNorm2d(512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.depthwise(x))


class MobileFaceNet128(nn.Module):
    """ReLU6 layout: normalised RGB crops [B,3,112,112] to embeddings [B,128]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.dw_conv = _conv_bn(3, 64, 3, 2), _Separable()
        blocks, inputs = [], 64
        for expansion, outputs, count, stride in (
            (2, 64, 5, 2),
            (4, 128, 1, 2),
            (2, 128, 6, 1),
            (4, 128, 1, 2),
            (2, 128, 2, 1),
        ):
            for index in range(count):
                blocks.append(_Inverted(inputs, outputs, stride if index == 0 else 1, expansion))
                inputs = outputs
        self.features = nn.Sequential(*blocks)
        self.conv2, self.gdconv = _conv_bn(128, 512, 1), _GlobalDepthwise()
        self.conv3, self.bn = nn.Conv2d(512, 128, 1), nn.BatchNorm2d(128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        return self.bn(self.conv3(self.gdconv(x))).flatten(1)


class _ConvPrelu(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        pad = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs) if active else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(self.bn(self.conv(x)))


class _Depthwise(nn.Module):
    def __init__(self, inputs: int, outputs: int, groups: int, stride: int = 2, residual: bool = False) -> None:
        super().__init__()
        self.conv = _ConvPrelu(inputs, groups)
        self.conv_dw = _ConvPrelu(groups, groups, 3, stride, groups)
        self.project = _ConvPrelu(groups, outputs, active=False)
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class _Stack(nn.Module):
    def __init__(self, channels: int, count: int, groups: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(_Depthwise(channels, channels, groups, 1, True) for _ in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class MobileFaceNet512(nn.Module):
    """PReLU layout: normalised BGR crops [B,3,112,112] to embeddings [B,512]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2_dw = _ConvPrelu(3, 64, 3, 2), _ConvPrelu(64, 64, 3, 1, 64)
        self.conv_23, self.conv_3 = _Depthwise(64, 64, 128), _Stack(64, 4, 128)
        self.conv_34, self.conv_4 = _Depthwise(64, 128, 256), _Stack(128, 6, 256)
        self.conv_45, self.conv_5 = _Depthwise(128, 128, 512), _Stack(128, 2, 256)
        self.conv_6_sep, self.conv_6_dw = _ConvPrelu(128, 512), _ConvPrelu(512, 512, 7, 1, 512, False, 0)
        self.linear, self.bn = nn.Linear(512, 512, bias=False), nn.BatchNorm1d(512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in (
            self.conv1,
            self.conv2_dw,
            self.conv_23,
            self.conv_3,
            self.conv_34,
            self.conv_4,
            self.conv_45,
            self.conv_5,
        ):
            x = part(x)
        return self.bn(self.linear(self.conv_6_dw(self.conv_6_sep(x)).flatten(1)))
