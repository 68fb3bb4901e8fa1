"""No-reference quality of a photo: NIQE (Mittal, Soundararajan and Bovik 2013), lower is better.

A photo's luma is normalised locally; blocks of it are described by the shape of the distribution of their values and
of the products of neighbours, at two scales. The score is the distance of these features from those of pristine photos.
"""

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from components.curation.album import Marks
from components.curation.measures import grey_of
from model.artefacts import file_digest
from model.weights import weight

BLOCK = 96  # pixels: a block's side at full size, as the pristine parameters were fitted
MIN_BLOCKS = 16  # with fewer, the covariance of 36 features decides the score by chance
SIGMA = 7 / 6  # pixels, of the 7 x 7 window
SHAPES = np.arange(0.2, 10.001, 0.001)  # shapes of the generalised Gaussian that are tried
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
Array = NDArray[np.float64]


class NiqeExaminer:
    """Gives each photo `niqe`, from about 2 for a clean photograph upwards; None where it is too small."""

    name = "niqe"

    @cached_property
    def version(self) -> str:
        """The digest of the pristine parameters."""
        return file_digest(weight("niqe"))

    def examine(self, photos: Sequence[NDArray[np.uint8]]) -> list[Marks]:
        """The marks of RGB photos [H, W, 3] of any size."""
        return [{"niqe": niqe(grey_of(photo), *self._pristine)} for photo in photos]

    @cached_property
    def _pristine(self) -> tuple[Array, Array]:
        """Mean [36] and covariance [36, 36] of the features of pristine photos."""
        from scipy.io import loadmat

        held = loadmat(weight("niqe"))
        return held["pop_mu"].ravel(), held["pop_cov"]


def niqe(grey: NDArray[np.uint8], mean: Array, covariance: Array) -> float | None:
    """The score of a luma picture [H, W] in 0..255; None where it has fewer than `MIN_BLOCKS` blocks."""
    rows, columns = grey.shape[0] // BLOCK, grey.shape[1] // BLOCK
    if rows * columns < MIN_BLOCKS:
        return None
    picture = grey[: rows * BLOCK, : columns * BLOCK].astype(np.float64)
    half = np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC), np.float64)
    scales = [_features(_blocks(_normalised(at), rows, columns)) for at in (picture, half)]
    features = np.hstack(scales)
    off = features.mean(0) - mean
    pooled = (np.cov(features, rowvar=False) + covariance) / 2
    return float(np.sqrt(off @ np.linalg.pinv(pooled) @ off))


def _normalised(picture: Array) -> Array:
    """Each value less the mean around it, in units of the deviation around it plus one."""
    mean = _blurred(picture)
    deviation = np.sqrt(np.abs(_blurred(picture * picture) - mean * mean))
    return (picture - mean) / (deviation + 1)


def _blurred(picture: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(picture, (7, 7), SIGMA, borderType=cv2.BORDER_REPLICATE), np.float64)


def _blocks(picture: Array, rows: int, columns: int) -> Array:
    """[blocks, side, side]."""
    height, width = picture.shape
    cut = picture.reshape(rows, height // rows, columns, width // columns)
    return cut.swapaxes(1, 2).reshape(-1, height // rows, width // columns)


def _features(blocks: Array) -> Array:
    """[blocks, 18]: shape and mean scale of the values; shape, mean and the two scales of four neighbour products."""
    from scipy.special import gamma

    shape, left, right = _fit(blocks)
    columns = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = _fit(blocks * np.roll(blocks, shift, (1, 2)))
        columns += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(columns, 1)


def _fit(blocks: Array) -> tuple[Array, Array, Array]:
    """Shape, left and right scale [blocks] of an asymmetric generalised Gaussian (Lasmar et al. 2009), by moments."""
    from scipy.special import gamma

    values = blocks.reshape(len(blocks), -1)
    squares = values * values
    below, above = values < 0, values > 0
    left = np.sqrt((squares * below).sum(1) / np.maximum(below.sum(1), 1)) + 1e-6
    right = np.sqrt((squares * above).sum(1) / np.maximum(above.sum(1), 1)) + 1e-6
    ratio = left / right
    spread = np.abs(values).mean(1) ** 2 / np.maximum(squares.mean(1), 1e-12)
    wanted = spread * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    known = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))  # grows with the shape
    after = np.clip(np.searchsorted(known, wanted), 1, len(SHAPES) - 1)
    nearer = np.where(wanted - known[after - 1] < known[after] - wanted, after - 1, after)
    shape = SHAPES[nearer]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale
