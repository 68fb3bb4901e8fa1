"""Portraits of people who do not exist, shared by the tests; made once and kept in the user's cache."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from model.artefacts import cache_folder, new_file

PEOPLE, SIDE = 6, 256


@functools.cache
def portraits() -> NDArray[np.uint8]:
    """Portraits [6,256,256,3] uint8 RGB of six different people."""
    kept = cache_folder("tests") / f"portraits-{PEOPLE}-{SIDE}.npy"
    if not kept.exists():
        from components.photos.cast.generator import FaceGenerator

        generator = FaceGenerator()
        pictures = generator.render(generator.sample(np.random.default_rng(99), PEOPLE))
        small = [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pictures]
        with new_file(kept) as draft, open(draft, "wb") as file:
            np.save(file, np.stack(small))
    return np.asarray(np.load(kept, allow_pickle=False))


def portrait_of(person: int) -> NDArray[np.uint8]:
    """Portrait [256,256,3] of one of the six."""
    return portraits()[person]
