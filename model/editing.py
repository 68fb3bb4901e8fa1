"""The photo that an editing backbone is shown: resized, its faces blurred, so that it tells nobody's identity."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.dataset.buckets import Size
from model.errors import UserError

LEAST = 100  # pixels of a face's shorter side from which on it is blurred; smaller ones tell too little
RADIUS = 15  # of the Gaussian blur, pixels
SQUARE = (0.9, 1.1)  # width over height of the photos that the published editing model takes


def fitted(photo: Image.Image, size: Size) -> NDArray[np.uint8]:
    """The photo as RGB [H, W, 3] of `size` (width, height); UserError where it is not about square."""
    shape = photo.width / photo.height
    if not SQUARE[0] <= shape <= SQUARE[1]:
        raise UserError(
            f"image: {photo.width} x {photo.height} is not about square (width over height is {shape:.2f}, allowed are "
            f"{SQUARE[0]} to {SQUARE[1]}); crop it."
        )
    return np.asarray(photo.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def faces_blurred(
    picture: NDArray[np.uint8], boxes: NDArray[np.float32], least: int = LEAST, radius: int = RADIUS
) -> NDArray[np.uint8]:
    """A copy of an RGB picture [H, W, 3] in which the faces of `boxes` [n, 4] (xyxy, pixels) are blurred.

    Faces whose shorter side is below `least` pixels stay as they are.
    """
    image = Image.fromarray(picture)
    blurred = image.filter(ImageFilter.GaussianBlur(radius))
    corners = np.clip(np.round(boxes).reshape(-1, 2, 2), 0, image.size).astype(int).reshape(-1, 4)
    for x1, y1, x2, y2 in corners.tolist():
        if min(x2 - x1, y2 - y1) >= least:
            image.paste(blurred.crop((x1, y1, x2, y2)), (x1, y1))
    return np.asarray(image)
