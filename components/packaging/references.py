"""From the pictures that a request refers to, to the one face that each is meant to show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from components.packaging import limits
from components.packaging.caches import Cache
from components.packaging.consent import Consent
from components.packaging.pictures import read_base64
from components.packaging.refusals import unfit
from model.faces.analyser import Analyser, Face
from model.faces.geometry import align

KEPT, KEPT_SECONDS = 64, 600
# The pixels [H, W, 3] of a reference and the box [4] of its face to the patches [P, f] of the SigLIP branch.
Look = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Reference:
    """A usable face: its raw embedding [d], aligned crop [112, 112, 3] and, for a SigLIP branch, patches [P, f]."""

    embedding: NDArray[np.float32]
    crop: NDArray[np.uint8]
    patches: NDArray[np.float32] | None = None


class References:
    """Reads references, the same bytes once; what it remembers is in memory alone, and for some minutes."""

    def __init__(self, analyser: Analyser, consent: Consent, look: Look | None = None) -> None:
        self.analyser, self.consent, self.look = analyser, consent, look
        self._kept: Cache[Reference] = Cache("reference", KEPT, KEPT_SECONDS)

    def read(self, texts: Sequence[str]) -> list[Reference]:
        """The references of pictures in base64; raises RefusalError for the first that cannot or must not be used."""
        names = [f"references[{index}]" for index in range(len(texts))]
        found = [
            self._kept.get(text.encode(), partial(self._look, text, name))
            for text, name in zip(texts, names, strict=True)
        ]
        for reference, name in zip(found, names, strict=True):
            self.consent.check(reference.embedding, name)  # each time: the lists may have changed
        return found

    def _look(self, text: str, name: str) -> Reference:
        pixels = read_base64(text, name)
        # Alone, so that its embedding does not depend, not even by rounding, on what else was asked for.
        face = only_face(self.analyser.analyse([pixels])[0], name)
        patches = self.look(pixels, face.box) if self.look else None
        return Reference(face.embedding, align(pixels, face.landmarks), patches)


def only_face(faces: Sequence[Face], name: str) -> Face:
    """The one usable face of a reference; raises RefusalError when there is none, or more than one."""
    usable = [face for face in faces if side(face) >= limits.FACE_SIDE]
    if len(usable) == 1:
        return usable[0]
    if usable:
        why, remedy = f"shows {len(usable)} faces", "crop it to the person who is meant"
    elif faces:
        why, remedy = f"shows no face of {limits.FACE_SIDE} pixels or more", "send a larger or closer picture"
    else:
        why, remedy = "shows no face that could be found", "send a sharp, well lit picture of the face from the front"
    raise unfit(name, why, remedy)


def side(face: Face) -> float:
    """Shorter side of the face's box, pixels."""
    x0, y0, x1, y1 = face.box
    return float(min(x1 - x0, y1 - y0))
