"""The copy-paste baseline: the reference photo's face, cut out and pasted where the person is wanted."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

MARGIN = 0.2  # of the box's size, kept around the face on each side so that a detector knows it for one
SOFTNESS = 0.08  # of the shorter pasted side, over which its rim fades into the picture


def paste_face(
    picture: NDArray[np.uint8], wanted: NDArray[np.float32], photo: NDArray[np.uint8], face: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`picture` [H, W, 3] with the face of `photo` (box `face`) laid over the box `wanted`, both x1 y1 x2 y2 in px.

    The face keeps its proportions and covers the wanted box; an oval mask with a soft rim hides the seam.
    """
    left, top, right, bottom = _grown(face)
    target = _grown(wanted)
    scale = max((target[2] - target[0]) / (right - left), (target[3] - target[1]) / (bottom - top))
    size = (round((right - left) * scale), round((bottom - top) * scale))
    cut = Image.fromarray(photo).crop((left, top, right, bottom))
    patch = cut.resize(size, Image.Resampling.LANCZOS)
    # What the cut has beyond the photo's rim is black and stays out of the picture.
    there = Image.new("L", photo.shape[1::-1], 255).crop((left, top, right, bottom)).resize(size)
    centre = ((target[0] + target[2]) / 2, (target[1] + target[3]) / 2)
    result = Image.fromarray(picture)
    corner = (round(centre[0] - size[0] / 2), round(centre[1] - size[1] / 2))
    result.paste(patch, corner, ImageChops.multiply(_oval(size), there))
    return np.asarray(result)


def _grown(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in box)
    x, y = (right - left) * MARGIN, (bottom - top) * MARGIN
    return left - x, top - y, right + x, bottom + y


def _oval(size: tuple[int, int]) -> Image.Image:
    width, height = size
    mask = Image.new("L", size, 0)
    rim = SOFTNESS * min(size)
    ImageDraw.Draw(mask).ellipse((rim, rim, width - 1 - rim, height - 1 - rim), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(rim / 2))
