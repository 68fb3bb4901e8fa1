"""The caption of a photo: its owner's, or one made of what is known of it."""

import numpy as np
from numpy.typing import NDArray

from components.curation.found import Photo
from model.captions import compose

SMILE_WIDTH = 0.93  # mouth width over eye distance above which a face is called smiling
DIM, BRIGHT = 0.28, 0.68  # mean luma, 0..1
WARM, COOL = 0.14, -0.05  # `measures.warmth`


def caption(photo: Photo, landmarks: NDArray[np.float32]) -> str:
    """The caption given with the photo, else people, smiles and light in the words of `model.captions`.

    `landmarks` [N, 10] are those of the photo's faces.
    """
    if photo.item.caption:
        return photo.item.caption
    return compose(len(landmarks), smiles(landmarks), light(photo.exposure, photo.warmth))


def smiles(landmarks: NDArray[np.float32]) -> int:
    """How many of the faces [N, 10] smile: a smile widens the mouth against the distance of the eyes."""
    points = landmarks.reshape(-1, 5, 2)
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    mouths = np.linalg.norm(points[:, 4] - points[:, 3], axis=1)
    return int((mouths > SMILE_WIDTH * eyes).sum())


def light(exposure: float, warmth: float) -> str:
    """The word for the light of a photo of mean luma `exposure` (0..1) and `warmth` (-1..1)."""
    if exposure < DIM:
        return "dim light"
    if exposure > BRIGHT:
        return "bright light"
    if warmth > WARM:
        return "warm light"
    return "cool light" if warmth < COOL else "even light"
