"""The photo that an editing backbone is shown: resized, its faces blurred, so that it tells nobody's identity."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.dataset.buckets import Size
from model.errors import UserError

LEAST = 100  # pixels of a face's shorter side from which on it is blurred; smaller ones tell too little
RADIUS = 15  # of the Gaussian blur, pixels
FULL = 512  # pixels of a picture's shorter side to which both belong; in smaller pictures they shrink with it
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


def least_face(size: Size) -> float:
    """Pixels of a face's shorter side from which on it is blurred in a picture of `size`."""
    return LEAST * _share(size)


def faces_blurred(picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A copy of an RGB picture [H, W, 3] in which the faces of `boxes` [n, 4] (xyxy, pixels) are blurred.

    Faces whose shorter side within the picture is below `least_face` stay as they are.
    """
    image = Image.fromarray(picture)
    blurred = image.filter(ImageFilter.GaussianBlur(RADIUS * _share(image.size)))
    corners = np.clip(boxes.reshape(-1, 2, 2), 0, image.size)
    large = (corners[:, 1] - corners[:, 0]).min(1) >= least_face(image.size)
    for x1, y1, x2, y2 in np.round(corners[large]).astype(int).reshape(-1, 4).tolist():
        image.paste(blurred.crop((x1, y1, x2, y2)), (x1, y1))
    return np.asarray(image)


def _share(size: Size) -> float:
    return min(1.0, min(size) / FULL)
