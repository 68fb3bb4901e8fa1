"""LPIPS (Zhang et al. 2018) on AlexNet: how different two pictures look."""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from model.weights import weight

# Of the five convolutions: stride, padding, whether a 3x3 max-pool of stride 2 comes before.
LAYOUT = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))


class Lpips(nn.Module):
    """Perceptual distance of pictures [B,3,H,W] in [-1,1], sides of 31 or more: [B], 0 for equal pictures."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        tensors = load_file(weight("lpips-alex"))
        kernels = [tensors[f"AlexNet_0.Conv_{i}.kernel"].permute(3, 2, 0, 1) for i in range(5)]
        self.kernels = nn.ParameterList(nn.Parameter(kernel.contiguous(), requires_grad=False) for kernel in kernels)
        biases = [tensors[f"AlexNet_0.Conv_{i}.bias"] for i in range(5)]
        self.biases = nn.ParameterList(nn.Parameter(bias, requires_grad=False) for bias in biases)
        heads = [tensors[f"NetLinLayer_{i}.Conv_0.kernel"].reshape(1, -1, 1, 1) for i in range(5)]
        self.heads = nn.ParameterList(nn.Parameter(head, requires_grad=False) for head in heads)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(len(a), device=a.device)
        for head, left, right in zip(self.heads, self.features(a), self.features(b), strict=True):
            total = total + ((left - right).square() * head).sum(1).mean((1, 2))
        return total

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Rectified features of the five layers, each of unit length over its channels."""
        x = (x - self.shift) / self.scale
        found = []
        for kernel, bias, (stride, padding, pooled) in zip(self.kernels, self.biases, LAYOUT, strict=True):
            x = F.max_pool2d(x, 3, 2) if pooled else x
            x = F.relu(F.conv2d(x, kernel, bias, stride, padding))
            found.append(x / (x.float().square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found
