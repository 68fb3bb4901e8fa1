"""Alignment maps landmarks onto the template, and its two forms agree."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.boxes import iou
from model.faces.geometry import TEMPLATE, align, align_batch, similarity

angles, scales, shifts = st.floats(-3.1, 3.1), st.floats(0.2, 5), st.floats(-200, 200)


@given(angles, scales, shifts, shifts)
def test_similarity_inverts_a_similarity(angle: float, scale: float, x: float, y: float) -> None:
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ rotation.T + [x, y]
    matrix = similarity(points)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], TEMPLATE, atol=1e-3)


@given(st.integers(0, 10_000))
def test_similarity_is_the_least_squares_answer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = TEMPLATE + rng.normal(0, 4, TEMPLATE.shape)
    matrix = similarity(points)
    rows = np.concatenate([[[x, -y, 1, 0], [y, x, 0, 1]] for x, y in points])
    a, b, c, d = np.linalg.lstsq(rows, TEMPLATE.reshape(-1).astype(float), rcond=None)[0]
    np.testing.assert_allclose(matrix, [[a, -b, c], [b, a, d]], atol=1e-6)


def test_similarity_refuses_one_point() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.zeros((5, 2)))


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.6, 0.6), st.floats(0.8, 1.6))
def test_the_differentiable_form_agrees_with_the_plain_one(angle: float, scale: float) -> None:
    rng = np.random.default_rng(0)
    picture = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (160, 200, 3), np.uint8), (0, 0), 2), np.uint8)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TEMPLATE - 56) * 0.8) @ rotation.T + [100, 80]
    plain = torch.from_numpy(align(picture, points)).permute(2, 0, 1)[None].float()
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    smooth = align_batch(pixels, torch.from_numpy(points)[None])
    inside = align_batch(torch.ones_like(pixels), torch.from_numpy(points)[None]) > 0.999
    assert (plain - smooth)[inside].abs().max() < 4  # cv2 interpolates on a grid of 1/32 pixel


@pytest.mark.parametrize("place", [(300, 260), (20, 480), (-4000, 0)])
def test_a_large_face_is_shrunk_without_a_shift(place: tuple[int, int]) -> None:
    x, y = np.meshgrid(np.arange(600), np.arange(500))
    picture = np.stack([x * 255 / 600, y * 255 / 500, x * 0 + 90], -1).round().astype(np.uint8)
    points = (TEMPLATE - 56) * 3.3 + place
    crop = align(picture, points).astype(float)
    inverse = cv2.invertAffineTransform(similarity(points))
    u, v = np.meshgrid(np.arange(112), np.arange(112))
    source = np.stack([u, v, np.ones_like(u)], -1) @ inverse.T
    inside = ((source > 4) & (source < np.array([595, 495]))).all(-1)
    expected = source * np.array([255 / 600, 255 / 500])
    np.testing.assert_allclose(crop[inside, :2], expected[inside], atol=1.1)
    outside = ((source < -8) | (source > np.array([608, 508]))).any(-1)
    assert (crop[outside] == 0).all()


def test_gradients_reach_the_picture() -> None:
    pixels = torch.rand(1, 3, 20, 20, dtype=torch.float64, requires_grad=True)
    points = torch.from_numpy(TEMPLATE[None] / 8 + 3).double()
    assert torch.autograd.gradcheck(lambda x: align_batch(x, points), pixels, fast_mode=True)


def test_iou_examples() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]])
    expected = np.array([[1, 1 / 3, 0, 0], [1 / 3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(iou(boxes, boxes), expected)
