"""Perceptual fingerprints of aligned faces and of whole photos: which come from one and the same picture.

A fingerprint holds the signs of the lowest 8 x 8 cosine frequencies of the aligned grey face. Alignment undoes crops,
scale and rotation; recompression hardly moves low frequencies; mirroring flips just the odd horizontal ones.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

SIDE = 32  # pixels that the face is averaged down to
KEPT = 8  # frequencies kept per axis
MIRRORED = np.uint64(int("01010101" * KEPT, 2))  # the bits that mirroring flips: odd horizontal frequencies
BIT_COST = 0.01  # what a differing bit takes from the cosine of two embeddings
SAME_PICTURE = 0.8  # what is left between copies; photos of one sitting in one pose may reach it and count as copies
SAME_PHOTO = 4  # most differing bits of whole photos that are one picture: resized, recompressed, mirrored 0 to 3


def fingerprint(face: NDArray[np.uint8]) -> str:
    """The fingerprint of an aligned grey face [S, S], or of a whole grey photo [H, W], as 16 hex digits."""
    small = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = dctn(small, norm="ortho")[:KEPT, :KEPT]
    return np.packbits(low.ravel() > 0).tobytes().hex()


def parse(fingerprints: list[str]) -> NDArray[np.uint64]:
    """[N] fingerprints as numbers."""
    return np.array([int(value, 16) for value in fingerprints], np.uint64)


def distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """[N, M] differing bits between fingerprints [N] and [M], the smaller of as seen and mirrored."""
    differing = first[:, None] ^ second[None, :]
    return np.minimum(np.bitwise_count(differing), np.bitwise_count(differing ^ MIRRORED)).astype(np.int64)


def near_duplicates(
    first: NDArray[np.uint64],
    first_unit: NDArray[np.float32],
    second: NDArray[np.uint64],
    second_unit: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """[N, M] whether two faces come from one picture, from fingerprints [N], [M] and unit embeddings [N, d], [M, d].

    Copies agree in both: an embedding alone calls photos of one sitting copies, a fingerprint alone faces in one pose.
    """
    return first_unit @ second_unit.T - BIT_COST * distances(first, second) >= SAME_PICTURE


def same_picture(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """[N, M] whether whole photos with the fingerprints [N] and [M] are one picture, neither of them cropped."""
    return distances(first, second) <= SAME_PHOTO
