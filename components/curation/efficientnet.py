"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variants have ReLU6 and no squeeze-and-excitation), for inference."""

from itertools import count

import torch
import torch.nn.functional as F

SIDE = 224  # pixels
EPSILON = 1e-3  # of the batch norms
# repeats, first stride, expansion
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
Tensors = dict[str, torch.Tensor]


@torch.inference_mode()
def logits(tensors: Tensors, x: torch.Tensor) -> torch.Tensor:
    """Logits [B, 1000] of RGB pictures [B, 3, 224, 224] in -1..1; names of `tensors` as in the weight file."""
    x = _conv(tensors, x, "_conv_stem", "_bn0", stride=2).clamp(0, 6)
    number = count()
    for repeats, first_stride, expansion in STAGES:
        for index in range(repeats):
            x = _block(tensors, x, f"_blocks.{next(number)}.", first_stride if index == 0 else 1, expansion)
    x = _conv(tensors, x, "_conv_head", "_bn1").clamp(0, 6)
    return F.linear(x.mean((2, 3)), tensors["_fc.weight"], tensors["_fc.bias"])


def _block(tensors: Tensors, x: torch.Tensor, name: str, stride: int, expansion: int) -> torch.Tensor:
    """An inverted residual."""
    y = x
    if expansion != 1:
        y = _conv(tensors, y, f"{name}_expand_conv", f"{name}_bn0").clamp(0, 6)
    y = _conv(tensors, y, f"{name}_depthwise_conv", f"{name}_bn1", stride, groups=y.shape[1]).clamp(0, 6)
    y = _conv(tensors, y, f"{name}_project_conv", f"{name}_bn2")
    return x + y if stride == 1 and x.shape == y.shape else y


def _conv(tensors: Tensors, x: torch.Tensor, conv: str, norm: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
    """Convolution without bias, then batch norm; padded as TensorFlow's SAME, whose odd pixel is at the far end."""
    weight = tensors[f"{conv}.weight"]
    kernel = weight.shape[-1]
    side = x.shape[-1]
    missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    if missing:
        x = F.pad(x, (missing // 2, missing - missing // 2) * 2)
    x = F.conv2d(x, weight, stride=stride, groups=groups)
    mean, var = tensors[f"{norm}.running_mean"], tensors[f"{norm}.running_var"]
    return F.batch_norm(x, mean, var, tensors[f"{norm}.weight"], tensors[f"{norm}.bias"], eps=EPSILON)
