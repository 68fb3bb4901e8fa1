"""Fitting a photo to a training size: the bucket nearest in shape, the crop that keeps the faces, the resize."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Placement:
    """A crop of a photo (x1, y1, x2, y2 in its pixels, fractions allowed) and the size (w, h) it is resized to."""

    crop: tuple[float, float, float, float]
    size: Size

    @property
    def scale(self) -> tuple[float, float]:
        """Output pixels per pixel of the photo, along x and y; they differ by rounding at most."""
        x1, y1, x2, y2 = self.crop
        return self.size[0] / (x2 - x1), self.size[1] / (y2 - y1)

    def image(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The photo [H, W, 3] cropped and resized (Lanczos) to [h, w, 3]."""
        picture = Image.fromarray(photo).resize(self.size, Image.Resampling.LANCZOS, box=self.crop, reducing_gap=3.0)
        return np.asarray(picture)

    def points(self, points: Floats) -> NDArray[np.float32]:
        """Points [..., 2] of the photo in pixels of the output."""
        return ((np.asarray(points) - self.crop[:2]) * self.scale).astype(np.float32)

    def boxes(self, boxes: Floats) -> NDArray[np.float32]:
        """Boxes [..., 4] (x1, y1, x2, y2) of the photo in pixels of the output, cut off at its edges."""
        boxes = np.asarray(boxes)
        corners = self.points(boxes.reshape(*boxes.shape[:-1], 2, 2))
        return np.clip(corners, 0, np.asarray(self.size, np.float32)).reshape(boxes.shape)


def choose(width: int, height: int, buckets: Sequence[Size]) -> list[Size]:
    """The buckets (w, h) by how near their shape is to width / height (log ratio), nearest first; ties as given."""
    shape = math.log(width / height)
    return sorted(buckets, key=lambda bucket: abs(math.log(bucket[0] / bucket[1]) - shape))


def place(width: int, height: int, boxes: Floats, buckets: Sequence[Size]) -> Placement | None:
    """The largest crop of a width x height photo that has a bucket's shape and keeps all of `boxes` [N, 4] whole.

    Buckets are tried nearest shape first. The crop lies as near to the middle of the boxes (of the photo when there are
    none) as the photo's edges allow. None when no bucket's crop can hold all boxes.
    """
    left, top, right, bottom = _extent(boxes, width, height)
    for bucket in choose(width, height, buckets):
        shape = bucket[0] / bucket[1]
        crop_w, crop_h = min(width, height * shape), min(height, width / shape)
        if right - left <= crop_w and bottom - top <= crop_h:
            x = _start((left + right) / 2, crop_w, width)
            y = _start((top + bottom) / 2, crop_h, height)
            return Placement((x, y, min(x + crop_w, width), min(y + crop_h, height)), bucket)
    return None


def _extent(boxes: Floats, width: int, height: int) -> tuple[float, float, float, float]:
    """The rectangle around all boxes, as far as it lies in the photo."""
    if len(boxes) == 0:
        return width / 2, height / 2, width / 2, height / 2
    limits = np.array([width, height, width, height])
    clipped = np.clip(np.asarray(boxes, np.float64), 0, limits)
    left, top = clipped[:, :2].min(axis=0)
    right, bottom = clipped[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _start(middle: float, length: float, limit: float) -> float:
    return min(max(middle - length / 2, 0.0), limit - length)
