"""What SigLIP's vision tower sees in a face: patches of a square crop, for the adapter's second branch."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import SiglipVisionModel

from model.parts import read_network

CROP = 512  # pixels to which a crop is resized before the tower's own size, as the published weights were trained


def face_crop(picture: NDArray[np.uint8], box: NDArray[np.float32]) -> Image.Image:
    """The face of `box` (xyxy, pixels) in an RGB picture [H, W, 3] as the tower is shown it: `CROP` pixels square.

    The box grows to a square around its centre and is cut off at the picture, so that a face at the edge is stretched.
    """
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in box)
    half = max(x2 - x1, y2 - y1) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    left, top = max(0, round(x - half)), max(0, round(y - half))
    right, bottom = min(width, round(x + half)), min(height, round(y + half))
    crop = Image.fromarray(picture[top : max(bottom, top + 1), left : max(right, left + 1)])
    return crop.resize((CROP, CROP), Image.Resampling.LANCZOS)


class VisionTower:
    """A frozen SigLIP vision tower."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def load(cls, where: str, dtype: torch.dtype, device: str = "cpu") -> Self:
        """The tower of a SigLIP folder or hub name (the text half is not read); UserError where there is none."""
        model = read_network(SiglipVisionModel, where, dtype=dtype)
        return cls(model.eval().requires_grad_(False).to(device))

    @torch.inference_mode()
    def patches(self, crops: Sequence[Image.Image]) -> Tensor:
        """The last hidden state [N, P, features] of N face crops; bicubic resize, values in -1..1, as SigLIP asks."""
        side = int(self.model.config.image_size)
        pixels = np.stack([np.asarray(crop.resize((side, side), Image.Resampling.BICUBIC)) for crop in crops])
        planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self.model.device, self.model.dtype)
        seen: Tensor = self.model(pixel_values=planes / 127.5 - 1).last_hidden_state
        return seen

    def look(self, picture: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        """The patches [P, features] of the face of `box` in a picture [H, W, 3], as a request takes them."""
        return self.patches([face_crop(picture, box)])[0].float().cpu().numpy()
