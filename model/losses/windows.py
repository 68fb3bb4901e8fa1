"""Which part of a picture a face's aligned crop is made of: windows of latent cells, all of one size."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.faces.geometry import extent, similarity

PIXELS = 8  # of a latent cell
CONTEXT = 3  # cells around the crop that a decoder's tail looks at; what it sees beyond them is below the tolerance


class Windows(NamedTuple):
    """One window a face: the `corners` (left, top) [F, 2] and the common `width`, `height`, in latent cells."""

    corners: NDArray[np.int64]
    width: int
    height: int

    @property
    def cells(self) -> int:
        """Latent cells of all windows together."""
        return len(self.corners) * self.width * self.height


def face_windows(landmarks: Tensor, size: tuple[int, int], context: int = CONTEXT) -> Windows:
    """Windows around what alignment by `landmarks` [F, 5, 2] reads of a picture of `size` (width, height) in pixels.

    Each holds its face's crop with `context` cells around it, as far as the picture reaches; all are as large as the
    largest needs, and moved inwards where the picture ends.
    """
    read = np.array([extent(similarity(points)) for points in landmarks.detach().cpu().double().numpy()])
    ends = np.array([size[0] // PIXELS, size[1] // PIXELS])
    low = np.clip(np.floor((read[:, 0] - 1) / PIXELS).astype(int) - context, 0, ends)
    high = np.clip(np.ceil((read[:, 1] + 1) / PIXELS).astype(int) + context, 0, ends)
    wide = np.maximum((high - low).max(0), 1)
    return Windows(np.minimum(low, ends - wide), int(wide[0]), int(wide[1]))


def cut(maps: Tensor, windows: Windows, of_picture: Tensor) -> Tensor:
    """The windows [F, C, height, width] of maps [B, C, H, W] of latent cells; differentiable."""
    places = zip(of_picture.tolist(), windows.corners.tolist(), strict=True)
    parts = [
        maps[picture, :, top : top + windows.height, left : left + windows.width] for picture, (left, top) in places
    ]
    return torch.stack(parts)
