"""Geometry of faces: the alignment template, similarity transforms, differentiable warps."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

# Eyes, nose and mouth corners of the aligned 112 x 112 face that ArcFace-style recognisers expect, in pixels.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
TEMPLATE_SIZE = 112


def similarity(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The 2x3 similarity that maps `points` [5,2] onto the template with least squares (Umeyama 1991, eq. 40-42).

    Raises ValueError when the points coincide.
    """
    source, target = np.asarray(points, np.float64), np.asarray(TEMPLATE, np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    variance = a.var(0).sum()
    if variance < 1e-12:
        raise ValueError("the points coincide: no similarity maps them onto the template")
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = (d * sign).sum() / variance
    return np.hstack([scale * rotation, (target_mean - scale * rotation @ source_mean)[:, None]])


def align(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The aligned face crop [112,112,3] of `image` [H,W,3], or [112,112] of a grey one, from `landmarks` [5,2], px."""
    matrix = similarity(landmarks)
    shrink = np.hypot(*matrix[:, 0])
    if shrink < 0.5:  # a bilinear warp of a much larger face would alias: shrink the picture first
        image, matrix = _shrink_around(image, matrix, max(2 * shrink, 1e-3))
    return np.asarray(cv2.warpAffine(image, matrix, (TEMPLATE_SIZE, TEMPLATE_SIZE), flags=cv2.INTER_LINEAR), np.uint8)


def extent(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The corners (least and greatest x, y, px) of what the crop of a similarity [2,3] is made of in its picture."""
    corners = np.array([[x, y, 1] for x in (0, TEMPLATE_SIZE) for y in (0, TEMPLATE_SIZE)])
    read = corners @ cv2.invertAffineTransform(matrix).T
    return read.min(0), read.max(0)


def _shrink_around(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], factor: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of `image` that `matrix` shows in the crop, made smaller by `factor`, and the matrix for it."""
    first, last = extent(matrix)
    margin = 2 / factor  # two pixels of the smaller picture, more than interpolation touches
    edge = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(first - margin), 0, edge - 1).astype(int)
    high = np.clip(np.ceil(last + margin), low + 1, edge).astype(int)
    sides = np.maximum(1, np.round((high - low) * factor)).astype(int)
    small = cv2.resize(image[low[1] : high[1], low[0] : high[0]], sides.tolist(), interpolation=cv2.INTER_AREA)
    step = (high - low) / sides  # the centre of pixel q lies at low + (q + 1/2) step - 1/2
    linear = matrix[:, :2] * step
    return np.asarray(small, np.uint8), np.hstack(
        [linear, matrix[:, 2:] + (matrix[:, :2] @ (low + step / 2 - 0.5))[:, None]]
    )


def align_batch(images: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """Aligned crops [B,C,112,112] of `images` [B,C,H,W] from `landmarks` [B,5,2]; differentiable in `images`.

    The same mapping as `align`, without its anti-aliasing; pixels outside the picture are zero.
    """
    known = landmarks.detach().cpu().double().numpy()
    inverse = np.stack([cv2.invertAffineTransform(similarity(points)) for points in known])
    size, (height, width) = TEMPLATE_SIZE, images.shape[-2:]
    # affine_grid's range is [-1,1] over pixel edges (align_corners=False): x = (u + 1) * size / 2 - 0.5, and back.
    to_pixels = np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5], [0, 0, 1]])
    to_unit = np.array([[2 / width, 0], [0, 2 / height]])
    theta = to_unit @ (inverse @ to_pixels)
    theta[:, :, 2] += np.array([1 / width - 1, 1 / height - 1])
    there = torch.from_numpy(theta).to(images.device, images.dtype, non_blocking=True)
    grid = F.affine_grid(there, [len(theta), images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
