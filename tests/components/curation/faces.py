"""Found faces made of embeddings alone, for tests that look at nothing else."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.curation.album import Album, Photo
from components.curation.found import Found
from components.curation.items import Item
from components.curation.vectors import Vectors


def grey_jpg() -> bytes:
    """A photo on which nothing is to be seen."""
    buffer = io.BytesIO()
    Image.new("L", (9, 9), 128).save(buffer, "JPEG")
    return buffer.getvalue()


def found_of(photo: list[int], embedding: NDArray[np.floating]) -> Found:
    """Faces with the given `embedding` [N, d], each in the photo that `photo` [N] numbers; all else says nothing."""
    count = len(photo)
    return Found(
        photos=Album.over(
            [
                Photo(Item(f"{n}"), f"{n}", 9, 9, 1, 1, 0, (n + 1) * 0x9E3779B97F4A7C15 % 2**64, grey_jpg)
                for n in range(max(photo, default=-1) + 1)
            ]
        ),
        photo=np.array(photo, np.intp),
        box=np.zeros((count, 4), np.float32),
        landmarks=np.zeros((count, 10), np.float32),
        score=np.ones(count, np.float32),
        sharpness=np.ones(count, np.float32),
        exposure=np.ones(count, np.float32),
        fingerprint=np.zeros(count, np.uint64),
        embedding=Vectors.whole(embedding.astype(np.float32)),
    )
