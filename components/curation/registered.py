"""Which photos of one person are one picture, told by laying the one upon the other.

A crop through a face moves the landmarks that the face is aligned by, and with them its fingerprint and its embedding.
Here the surroundings of the face in one photo are looked for in the other, in all places, in sizes near those that the
landmarks tell, and mirrored. The search compares tones; what is found must agree in detail too, for photos of one
sitting agree in tones.
"""

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import irfft2, next_fast_len, rfft2

from components.curation.found import Found

SIDE = 64  # pixels of a photo's longer side, at which it is compared
AROUND = 1.4  # sizes of the face's box that are looked for
RIM = 5  # pixels by which what is looked for may reach over the rim
SIZES = np.exp(np.linspace(-0.2, 0.2, 7))  # that landmarks may be wrong by
FINE = np.exp(np.linspace(-0.03, 0.03, 5))
DETAIL = 2.5  # pixels: standard deviation of the blur that is taken away
TONES, DETAILS = 0.85, 0.82  # least correlations; a few in a hundred photos of one sitting and pose reach both
NEAREST, ALIKE = 6, 0.3  # other photos of a person that a photo is compared with, and their least cosine
LEAST = 8  # pixels: what is smaller says nothing
ROUNDING = 1e-5  # of the lengths of both pictures, by which products of theirs may differ from OpenCV's

Grey = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class _View:
    """A small grey photo, and in its pixels the box of a face [4] and the spread of its landmarks."""

    photo: NDArray[np.uint8]
    box: NDArray[np.float32]
    spread: float

    @property
    def extent(self) -> float:
        """The photo's area, measured in faces."""
        return self.photo.size / self.spread**2


def same_content(found: Found, faces: NDArray[np.intp], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[N, N] which photos of one person, given by the places [N] of that person's faces, show one picture.

    Pairs that are `known` [N, N] to be, or to need no look, stay False; each photo is compared with its most similar.
    """
    same = np.zeros((len(faces), len(faces)), np.bool_)
    spread = _spread(found.landmarks[faces])
    unit = found.unit[faces]
    cosine = np.where(known | (found.photo[faces][:, None] == found.photo[faces]), -1, unit @ unit.T)
    cosine[(spread <= 0)[:, None] | (spread <= 0)] = -1
    views: dict[int, _View] = {}
    for row in range(len(faces)):
        for column in np.argsort(-cosine[row], kind="stable")[:NEAREST].tolist():
            if cosine[row, column] >= ALIKE and not (column < row and row in _nearest(cosine[column])):
                for place in {row, column} - views.keys():
                    views[place] = _view(found, int(faces[place]), float(spread[place]))
                same[row, column] = same[column, row] = _one_picture(views[row], views[column])
    return same


def _nearest(cosine: NDArray[np.float32]) -> list[int]:
    return list(np.argsort(-cosine, kind="stable")[:NEAREST].tolist())


def _spread(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N] the root mean square distance of landmarks [N, 10] from their middle."""
    points = landmarks.reshape(-1, 5, 2)
    apart = points - points.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.square(apart).sum(axis=2).mean(axis=1)), np.float32)


def _view(found: Found, face: int, spread: float) -> _View:
    with Image.open(io.BytesIO(found.photos[int(found.photo[face])].jpg())) as picture:
        grey = np.asarray(picture.convert("L"))
    scale = SIDE / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _View(np.asarray(small, np.uint8), found.box[face] * np.float32(scale), spread * scale)


def _one_picture(one: _View, other: _View) -> bool:
    """Whether the photo that shows less around the face is part of the other."""
    less, more = sorted((one, other), key=lambda view: view.extent)
    middle, half = (less.box[:2] + less.box[2:]) / 2, (less.box[2:] - less.box[:2]) / 2 * AROUND
    left, top = np.maximum(middle - half, 0).astype(int)
    right, bottom = np.minimum(middle + half, less.photo.shape[::-1]).astype(int)
    part = less.photo[top:bottom, left:right]
    if min(part.shape) < LEAST:
        return False
    whole = np.asarray(cv2.copyMakeBorder(more.photo, RIM, RIM, RIM, RIM, cv2.BORDER_REPLICATE), np.uint8)
    sizes = more.spread / less.spread * SIZES
    if not _may_agree(whole, [_resized(part, whole, size) for size in sizes]):
        return False
    found, size, mirrored = max(
        (_agreement(whole, part, size, mirrored, False), size, mirrored) for size in sizes for mirrored in (False, True)
    )
    if found < TONES:
        return False
    details = _details(whole)
    return max(_agreement(details, part, size * fine, mirrored, True) for fine in FINE) >= DETAILS


def _may_agree(whole: NDArray[np.uint8], parts: list[NDArray[np.uint8]]) -> bool:
    """Whether any of `parts`, mirrored or not, may reach `TONES` in any place of `whole`.

    Most photos differ: asking this first, of all sizes at once, halves the time.
    """
    parts = [part for part in parts if min(part.shape) >= LEAST]
    shape = [next_fast_len(side, real=True) for side in whole.shape]
    tones = whole - np.float32(whole.mean())
    wholes = rfft2(np.stack([tones, tones[:, ::-1]]), shape)
    places = np.zeros((len(parts), *shape), np.float32)
    for place, part in zip(places, parts, strict=True):
        place[: part.shape[0], : part.shape[1]] = part - np.float32(part.mean())
    lengths = np.sqrt(np.square(places).sum(axis=(1, 2)))
    products = irfft2(wholes[:, None] * rfft2(places).conj(), shape)
    error = ROUNDING * np.linalg.norm(whole.astype(np.float32))
    sums, squares = (table.astype(np.float64) for table in cv2.integral2(whole))
    for number, (part, length) in enumerate(zip(parts, lengths, strict=True)):
        height, width = part.shape
        spread = _windows(squares, height, width) - _windows(sums, height, width) ** 2 / part.size
        least = TONES * np.sqrt(np.maximum(spread, 0)) - error  # of a product, measured in lengths of the part
        rows, columns = spread.shape
        seen, mirrored = products[:, number, :rows, :columns]
        if (seen >= least * length).any() or (mirrored >= least[:, ::-1] * length).any():
            return True
    return False


def _windows(table: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The sums over all windows of this size, from the summed-area `table`."""
    return np.asarray(
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )


def _resized(part: NDArray[np.uint8], whole: Grey, size: float) -> NDArray[np.uint8]:
    height, width = (max(min(round(side * size), most), 1) for side, most in zip(part.shape, whole.shape, strict=True))
    method = cv2.INTER_AREA if size < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)


def _agreement(whole: Grey, part: NDArray[np.uint8], size: float, mirrored: bool, detail: bool) -> float:
    """The greatest correlation of `part`, in another size, with any place of `whole`; 0 where it becomes too small."""
    resized: Grey = _resized(part, whole, size)
    if min(resized.shape) < LEAST:
        return 0.0
    looked: NDArray[Any] = _details(resized) if detail else resized
    turned = np.ascontiguousarray(looked[:, ::-1] if mirrored else looked)
    return float(cv2.matchTemplate(whole, turned, cv2.TM_CCOEFF_NORMED).max())


def _details(photo: Grey) -> NDArray[np.float32]:
    plain = photo.astype(np.float32)
    return np.asarray(plain - cv2.GaussianBlur(plain, (0, 0), DETAIL), np.float32)
