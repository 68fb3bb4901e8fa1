"""The photo that an editing backbone is shown, its faces blurred, and how small a face may be, for that and at all."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.dataset.buckets import Size
from model.errors import UserError

LEAST = 100  # pixels of a face's shorter side from which on it is blurred; smaller ones tell too little
PERSON = 20  # the same below which a face is nobody: neither the training nor a recogniser sees it
RADIUS = 15  # of the Gaussian blur, pixels
FULL = 512  # pixels of a picture's shorter side to which both belong; in smaller pictures they shrink with it
SQUARE = (0.9, 1.1)  # width over height of the photos that the published editing model takes


def is_square(size: Size) -> bool:
    """Whether a photo of `size` (width, height) is as square as the model takes them."""
    return SQUARE[0] <= size[0] / size[1] <= SQUARE[1]


def fitted(photo: Image.Image, size: Size) -> NDArray[np.uint8]:
    """The photo as RGB [H, W, 3] of `size` (width, height); UserError where it is not about square."""
    if not is_square(photo.size):
        raise UserError(
            f"image: {photo.width} x {photo.height} is not about square (width over height is "
            f"{photo.width / photo.height:.2f}, allowed are {SQUARE[0]} to {SQUARE[1]}); crop it."
        )
    return np.asarray(photo.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def least_face(size: Size) -> float:
    """Pixels of a face's shorter side from which on it is blurred in a picture of `size`."""
    return LEAST * _share(size)


def least_person(size: Size, *, edits: bool) -> float:
    """Pixels of a face's shorter side from which on it is one of the people of a picture of `size`.

    For a backbone that `edits` they are those who are blurred: another face would tell who it is.
    """
    return max(PERSON, least_face(size)) if edits else PERSON


def blurred_faces(boxes: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Those of the faces `boxes` [n, 4] (xyxy, pixels) that are blurred in a picture of `size`, from left to right.

    They are the ones whose shorter side within the picture is at least `least_face`; boxes end where it ends.
    """
    corners = np.clip(boxes.reshape(-1, 2, 2), 0, size)
    large = corners[(corners[:, 1] - corners[:, 0]).min(1) >= least_face(size)].reshape(-1, 4)
    return np.asarray(large[np.argsort(large[:, 0], kind="stable")], np.float32)


def faces_blurred(picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A copy of an RGB picture [H, W, 3] in which the faces of `boxes` [n, 4] (xyxy, pixels) are blurred.

    Which of them, `blurred_faces` says; the others stay as they are.
    """
    image = Image.fromarray(picture)
    blurred = image.filter(ImageFilter.GaussianBlur(RADIUS * _share(image.size)))
    for x1, y1, x2, y2 in np.round(blurred_faces(boxes, image.size)).astype(int).tolist():
        image.paste(blurred.crop((x1, y1, x2, y2)), (x1, y1))
    return np.asarray(image)


def _share(size: Size) -> float:
    return min(1.0, min(size) / FULL)
