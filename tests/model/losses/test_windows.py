"""Decoding windows instead of pictures: the same faces to the stated tolerance, and only where it is less work."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cosine_similarity

from model.faces.geometry import TEMPLATE
from model.faces.recogniser import load_recogniser
from model.latents import decode, pack
from model.losses import decode as decoding
from model.losses.decode import decode_windows, face_embeddings, predicted_faces
from model.losses.windows import CONTEXT, PIXELS, face_windows
from model.presets import load_autoencoder, nano

SIZE = (256, 128)
LANDMARKS = torch.stack([torch.tensor(TEMPLATE) * 0.4 + torch.tensor([x, 60.0]) for x in (30.0, 170.0)])
OF_PICTURE = torch.tensor([0, 1])


@pytest.fixture(scope="module")
def latents() -> Tensor:
    """Two smooth latents, as of pictures."""
    torch.set_num_threads(1)
    coarse = torch.randn(2, 16, 4, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic")


def test_windows_hold_the_pixels_of_the_full_decode(latents: Tensor) -> None:
    autoencoder = load_autoencoder(nano())
    windows = face_windows(LANDMARKS, SIZE)
    with torch.no_grad():
        parts, pictures = decode_windows(autoencoder, latents, windows, OF_PICTURE), decode(autoencoder, latents)
    rim = CONTEXT * PIXELS  # the context: what is read of a window lies within
    for face in range(2):
        left, top = windows.corners[face] * PIXELS
        whole = pictures[face, :, top : top + windows.height * PIXELS, left : left + windows.width * PIXELS]
        inner = (parts[face] - whole)[:, rim:-rim, rim:-rim]
        assert inner.abs().max() < 0.03 * 2
        assert inner.abs().mean() < 0.005 * 2


def test_faces_and_gradients_agree_with_the_full_decode_on_the_shipped_networks(latents: Tensor) -> None:
    autoencoder, recogniser = load_autoencoder(nano()), load_recogniser(nano().recogniser)
    weights = torch.randn(2, 128, generator=torch.Generator().manual_seed(1))
    results = []
    for whole in (True, False):
        tokens = pack(latents).requires_grad_()
        with patch.object(decoding, "PASS_WITHOUT_GRADIENT", 9 if whole else 0):
            faces = predicted_faces(autoencoder, recogniser, tokens, LANDMARKS, OF_PICTURE, SIZE)
        results.append((faces.detach(), *torch.autograd.grad((faces * weights).sum(), tokens)))
    (full, full_gradient), (part, part_gradient) = results
    assert cosine_similarity(full, part).min() > 0.999
    assert cosine_similarity(full_gradient.flatten(1), part_gradient.flatten(1)).min() > 0.98


def test_small_faces_are_decoded_by_windows_and_large_ones_whole(latents: Tensor) -> None:
    autoencoder, recogniser = load_autoencoder(nano()), load_recogniser(nano().recogniser)
    small, large = LANDMARKS, (LANDMARKS - LANDMARKS.mean(1, keepdim=True)) * 3 + LANDMARKS.mean(1, keepdim=True)
    for landmarks, used in ((small, 1), (large, 0)):
        with patch.object(decoding, "decode_windows", wraps=decode_windows) as spy, torch.no_grad():
            predicted_faces(autoencoder, recogniser, pack(latents), landmarks, OF_PICTURE, SIZE)
        assert spy.call_count == used
    assert "forward" not in vars(autoencoder.decoder.conv_norm_out)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.2, 1.1), st.floats(-40, 240), st.floats(-40, 120)), min_size=1, max_size=5),
    st.integers(0, 4),
)
def test_windows_lie_in_the_picture_and_alignment_reads_nothing_else(
    places: list[tuple[float, float, float]], context: int
) -> None:
    landmarks = torch.stack([torch.tensor(TEMPLATE) * scale + torch.tensor([x, y]) for scale, x, y in places])
    windows = face_windows(landmarks, SIZE, context)
    assert (windows.corners >= 0).all()
    ends = windows.corners + np.array([windows.width, windows.height])
    assert (ends <= np.array(SIZE) // PIXELS).all()
    picture = torch.rand(1, 3, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(2)) + 1
    inside = torch.zeros_like(picture[0, 0])
    for face in range(len(places)):
        left, top = windows.corners[face] * PIXELS
        kept = inside.clone()
        kept[top : top + windows.height * PIXELS, left : left + windows.width * PIXELS] = 1
        crops = [
            face_embeddings(torch.nn.Identity(), x * 2 - 1, landmarks[[face]], torch.tensor([0]))
            for x in (picture, picture * kept)
        ]
        torch.testing.assert_close(*crops)
