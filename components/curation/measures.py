"""What pixels say of a photo's quality and light: sharpness, exposure, warmth."""

import cv2
import numpy as np
from numpy.typing import NDArray

SHARPNESS_SIDE = 512  # pixels: the longer side at which a photo's sharpness is measured, so that sizes compare


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a grey picture [H, W] in 0..255 (Pech-Pacheco et al. 2000); low where blurred."""
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def exposure(grey: NDArray[np.uint8]) -> float:
    """Mean luma of a grey picture [H, W] in 0..255, as 0..1."""
    return float(grey.mean() / 255)


def warmth(photo: NDArray[np.uint8]) -> float:
    """How far red outweighs blue in an RGB photo [H, W, 3]: (R - B) / (R + B) of the channel means, -1..1."""
    red, _, blue = cv2.mean(photo)[:3]
    return (red - blue) / (red + blue) if red + blue > 0 else 0.0


def grey_of(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luma [H, W] of an RGB picture [H, W, 3]."""
    return np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)


def photo_sharpness(grey: NDArray[np.uint8]) -> float:
    """`sharpness` of a whole photo's luma [H, W], measured at one size for all photos."""
    scale = SHARPNESS_SIDE / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return sharpness(np.asarray(small, np.uint8))
