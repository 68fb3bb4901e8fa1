"""What pixels say of a photo's quality and light: sharpness, exposure, warmth, and how far edits moved its details."""

import cv2
import numpy as np
from numpy.typing import NDArray

SHARPNESS_SIDE = 512  # pixels: the longer side at which a photo's sharpness is measured, so that sizes compare
# Mean and standard deviation of 83 faces of the cast, of portraits and of photos taken at work: of the log of the noise
# in grey levels, and of the log of how much sharper a face is than at a quarter of its size.
NOISE, BALANCE = (-0.45, 0.3), (-1.5, 0.5)
FLAT = 0.25  # of a picture's pixels, taken for those that have no edges, whose differences are noise
# Of noise the mask makes 6 deviations, of a slope nothing (Immerkaer 1996); a quarter of normal values are nearer to 0
# than 0.3186 deviations.
MASK, MASKED = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32), 6 * 0.3186
LEAST = 0.05  # grey levels of noise: pixels are whole numbers


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


def unnatural(grey: NDArray[np.uint8]) -> float:
    """How far the details of a grey face [H, W], at the size of its photo, are from those of faces in plain photos.

    In squared standard deviations; what is told of copies of one picture. Noise and dithering add noise, JPEG takes it
    away; sharpening makes fine details stronger than coarse ones, blur and enlarging weaker than they are in nature,
    where each octave has about the same contrast (Field 1987).
    """
    flat = float(np.quantile(np.abs(cv2.filter2D(grey, cv2.CV_32F, MASK)), FLAT))
    quarter = cv2.resize(grey, (max(grey.shape[1] // 4, 1), max(grey.shape[0] // 4, 1)), interpolation=cv2.INTER_AREA)
    noise = np.log(flat / MASKED + LEAST)
    balance = np.log((sharpness(grey) + LEAST) / (sharpness(np.asarray(quarter, np.uint8)) + LEAST))
    return float(((noise - NOISE[0]) / NOISE[1]) ** 2 + ((balance - BALANCE[0]) / BALANCE[1]) ** 2)
