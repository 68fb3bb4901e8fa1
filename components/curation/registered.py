"""Which photos of one person are one picture, told by laying the one upon the other.

A crop through a face moves the landmarks that the face is aligned by, and with them its fingerprint and its embedding.
Here the surroundings of the face in one photo are looked for in the other, in all places, in sizes near those that the
landmarks tell, and mirrored. The search compares tones; what is found must agree in detail too, for photos of one
sitting agree in tones, and often in fingerprint and embedding. The other is looked through no further than around its
own face, and of a photo of several people less than that is compared with a photo of one: else the face would be too
small to have details, and photos before one backdrop would agree by that alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from components.curation.found import Found

SIDE = 64  # pixels of a photo's longer side, at which it is compared
AROUND = 1.4  # sizes of the face's box that are looked for
RIM = 5  # pixels by which what is looked for may reach over the rim
SIZES = np.exp(np.linspace(-0.2, 0.2, 7))  # that landmarks may be wrong by
FINE = np.exp(np.linspace(-0.03, 0.03, 5))
DETAIL = 2.5  # pixels: standard deviation of the blur that is taken away
TONES, DETAILS = 0.85, 0.82  # least correlations; a few in a hundred photos of one sitting and pose reach both
REFINED = 0.9  # least correlation of details where no pixel is out of place any more
SHOWN = 1.8  # sizes of the face's box that are compared where one photo shows several people and the other one
SURROUNDED = 2.5  # sizes that are compared of others: before one backdrop photos of a small face differ in it alone
GRID = 4  # rows and columns of blocks that are compared each by itself there: what covers a few of them says nothing
NEAREST, ALIKE = 6, 0.3  # other photos of a person that a photo is compared with, and their least cosine
NEAREST_CUT = 16  # the same of photos of several people, for one that may be cut out of them, and the other way round
MIRRORED = (1, 0, 2, 4, 3)  # the landmarks' order in a mirrored face
STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)  # in which turns and stretches are sought
LEAST = 8  # pixels: what is smaller says nothing
PLAIN = 3  # most grey levels by which a row or column of one tone varies: a JPEG's
ROUNDING = 1e-5  # of the lengths of both pictures, by which products of theirs may differ from OpenCV's

Grey = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class _View:
    """A small grey photo, and in its pixels the box of a face [4], its landmarks [5, 2] and their spread."""

    photo: NDArray[np.uint8]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    spread: float

    @property
    def extent(self) -> float:
        """The photo's area, measured in faces."""
        return self.photo.size / self.spread**2

    @property
    def around(self) -> tuple[slice, slice]:
        """The rows and columns of the face's surroundings."""
        middle, half = (self.box[:2] + self.box[2:]) / 2, (self.box[2:] - self.box[:2]) / 2 * AROUND
        left, top = np.maximum(middle - half, 0).astype(int)
        right, bottom = np.minimum(middle + half, self.photo.shape[::-1]).astype(int)
        return slice(top, bottom), slice(left, right)


def same_content(
    found: Found, faces: NDArray[np.intp], told: NDArray[np.bool_], skip: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """[N, N] which photos of one person, given by the places [N] of that person's faces, show one picture.

    Each photo is compared with its most similar, but for the pairs `skip` [N, N]. Of pairs that cannot be compared, or
    are not, those show one picture that are `told` [N, N] to, by fingerprints and embeddings.
    """
    same = told.copy()
    spread = _spread(found.landmarks[faces])
    unit = found.unit[faces]
    cosine = np.where(found.photo[faces][:, None] == found.photo[faces], -1, unit @ unit.T)
    cosine[(spread <= 0)[:, None] | (spread <= 0)] = -1
    if skip is not None:
        cosine[skip] = -1
    several = found.counts[found.photo[faces]] > 1
    views: dict[tuple[int, bool], _View] = {}
    for row, column in sorted(_nearest(cosine, several)):
        closer = bool(several[row] != several[column])
        for place in {(row, closer), (column, closer)} - views.keys():
            views[place] = _view(found, int(faces[place[0]]), float(spread[place[0]]), SHOWN if closer else SURROUNDED)
        less, more = sorted((views[row, closer], views[column, closer]), key=lambda view: view.extent)
        verdict = _cut_out(less, more) if closer else _one_picture(less, more)
        if verdict is False and told[row, column] and not closer:
            verdict = _turned(less, more)
        if verdict is not None:
            same[row, column] = same[column, row] = verdict
    return same


def _nearest(cosine: NDArray[np.float32], several: NDArray[np.bool_]) -> set[tuple[int, int]]:
    """The pairs, each once, of each photo with those most similar to it that reach `ALIKE`, from cosines [N, N].

    Photos that are as it is, of `several` people [N] or of one, and photos of the other kind are counted apart.
    """
    pairs: set[tuple[int, int]] = set()
    for row, cosines in enumerate(cosine):
        for kind, number in ((several[row], NEAREST), (~several[row], NEAREST_CUT)):
            own = np.where(several == kind, cosines, -1)
            near = np.argsort(-own, kind="stable")[:number]
            pairs |= {(min(row, column), max(row, column)) for column in near[own[near] >= ALIKE].tolist()}
    return pairs


def _spread(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N] the root mean square distance of landmarks [N, 10] from their middle."""
    points = landmarks.reshape(-1, 5, 2)
    apart = points - points.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.square(apart).sum(axis=2).mean(axis=1)), np.float32)


def _view(found: Found, face: int, spread: float, shown: float) -> _View:
    """What a face's photo shows at most `shown` sizes of its box around the box's middle."""
    grey = found.photos[int(found.photo[face])].pixels("L")
    corners, landmarks = found.box[face].reshape(2, 2), found.landmarks[face].reshape(5, 2)
    middle, half = corners.mean(axis=0), shown / 2 * np.ptp(corners, axis=0).max()
    first, last = _unframed(grey, corners)
    left, top = np.floor(np.clip(middle - half, first, last - 1)).astype(int)
    right, bottom = np.ceil(np.clip(middle + half, first + 1, last)).astype(int)
    part = grey[top:bottom, left:right]
    scale = SIDE / max(part.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=method)
    corners, landmarks = (
        (points - np.array([left, top], np.float32)) * np.float32(scale) for points in (corners, landmarks)
    )
    return _View(np.asarray(small, np.uint8), corners.ravel(), landmarks, spread * scale)


def _unframed(grey: NDArray[np.uint8], corners: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and the last corner of a photo without the frame or the page that it lies on, around a face's box.

    These begin with the nearest row, and then column, that is of one tone all along, seen from the middle of the box
    [2, 2]: the box of a face that is cut reaches over them.
    """
    first, last = np.zeros(2, np.intp), np.array(grey.shape[::-1], np.intp)
    middle, least = np.clip(corners.mean(axis=0), 0, last - 1).astype(np.intp), np.ptp(corners, axis=0) / 2
    for axis in (1, 0):
        plain = np.flatnonzero(np.ptp(grey[first[1] : last[1], first[0] : last[0]], axis=axis) <= PLAIN)
        begin = plain[plain < middle[axis]].max(initial=-1) + 1
        end = plain[plain > middle[axis]].min(initial=last[axis])
        if end - begin >= least[axis]:  # less is a blank photo
            first[axis], last[axis] = begin, end
    return first, last


def _one_picture(less: _View, more: _View) -> bool | None:
    """Whether `less`, which shows less around the face, is part of `more`; None where it is too small to tell."""
    part = less.photo[less.around]
    whole = np.asarray(cv2.copyMakeBorder(more.photo, RIM, RIM, RIM, RIM, cv2.BORDER_REPLICATE), np.uint8)
    sizes = more.spread / less.spread * SIZES
    if min(part.shape) * min(1.0, sizes[-1]) < LEAST:
        return None
    if not _may_agree(whole, [_resized(part, whole, size) for size in sizes]):
        return False
    found, size, mirrored = max(
        (_agreement(whole, part, size, mirrored, False), size, mirrored) for size in sizes for mirrored in (False, True)
    )
    if found < TONES:
        return False
    details = _details(whole)
    return max(_agreement(details, part, size * fine, mirrored, True) for fine in FINE) >= DETAILS


def _turned(less: _View, more: _View) -> bool:
    """Whether the photos agree in detail once turns and stretches are undone."""
    part = _details(less.photo[less.around])
    return any(_alike(_details(laid), part) >= REFINED for laid in _laid(less, more))


def _cut_out(less: _View, more: _View) -> bool | None:
    """As `_turned`, but in most of the blocks that the photos are cut into; None where it is too small to tell."""
    part = less.photo[less.around]
    if min(part.shape) < LEAST:
        return None
    blocks = _blocks(_details(part))
    alike = (
        [_alike(*pair) for pair in zip(_blocks(_details(laid)), blocks, strict=True)] for laid in _laid(less, more)
    )
    return any(float(np.median(values)) >= REFINED for values in alike)


def _blocks(photo: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [block for row in np.array_split(photo, GRID) for block in np.array_split(row, GRID, axis=1)]


def _alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(cv2.matchTemplate(first, second, cv2.TM_CCOEFF_NORMED)[0, 0])


def _laid(less: _View, more: _View) -> Iterator[NDArray[np.uint8]]:
    """`more` laid upon the surroundings in `less`, as seen and mirrored, first by landmarks, then by all tones."""
    rows, columns = less.around
    part = less.photo[rows, columns]
    points = np.column_stack([less.landmarks - (columns.start, rows.start), np.ones(5)])
    for order in ((0, 1, 2, 3, 4), MIRRORED):
        move = np.linalg.lstsq(points, more.landmarks[list(order)], rcond=None)[0].T
        try:
            move = cv2.findTransformECC(
                part, more.photo, np.ascontiguousarray(move, np.float32), cv2.MOTION_AFFINE, STEPS
            )[1]
        except cv2.error:  # tones so far apart that no step makes them nearer
            continue
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(more.photo, move, part.shape[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(laid, np.uint8)


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
