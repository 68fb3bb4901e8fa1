"""The photo that an order wants edited, as the model is shown it, and the faces in it that make room for others."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.packaging.consent import Consent
from components.packaging.pictures import read_base64
from components.packaging.refusals import unfit
from components.packaging.requests import Size
from model.editing import blurred_faces, faces_blurred, fitted, is_square, least_face
from model.faces.analyser import Analyser

NAME = "image"


@dataclass(frozen=True)
class Scene:
    """A photo [H, W, 3], and the boxes [n, 4], pixels, of the faces found in it."""

    photo: NDArray[np.uint8]
    found: NDArray[np.float32]

    @classmethod
    def read(cls, text: str, size: Size, analyser: Analyser, consent: Consent) -> Self:
        """The scene of a photo in base64 at `size` (width, height).

        Raises RefusalError where the photo cannot be used, or `consent` does not allow somebody's face in it.
        """
        photo = Image.fromarray(read_base64(text, NAME))
        if not is_square(photo.size):
            why = f"has {photo.width} x {photo.height} pixels and is not about square"
            raise unfit(NAME, why, "crop it")
        pixels = fitted(photo, size)
        faces = analyser.analyse([pixels])[0]
        for face in faces:
            consent.check(face.embedding, NAME)
        return cls(pixels, np.array([face.box for face in faces], np.float32).reshape(-1, 4))

    def shown(self, boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The photo with its faces blurred, and what lies in the `boxes` [n, 4] of an order, found or not."""
        return faces_blurred(self.photo, np.concatenate([self.found, boxes]))

    def places(self, people: int) -> NDArray[np.float32]:
        """The boxes [people, 4] of the leftmost faces; raises RefusalError where there are fewer."""
        height, width = self.photo.shape[:2]
        large = blurred_faces(self.found, (width, height))
        if len(large) < people:
            why = f"shows {len(large)} faces of {least_face((width, height)):g} pixels at {width} x {height}"
            remedy = f"send a closer photo, fewer references than {people}, or boxes"
            raise unfit(NAME, why, remedy)
        return large[:people]
