"""Drawn pictures: the sampler's own steps, with a gradient in each, and faces looked for where they were drawn."""

from itertools import pairwise
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from model.faces.detector import Detections, Detector
from model.losses.drawn import drawn, found_landmarks
from model.losses.flow import euler, sampling_times, shift_of

EYES = np.array([[20, 20], [40, 20], [30, 32], [22, 44], [38, 44]], np.float32)


def test_a_constant_velocity_goes_straight_from_noise_to_the_picture() -> None:
    noise, clean = torch.randn(2, 16, 4), torch.randn(2, 16, 4)
    seen: list[torch.Tensor] = []

    def velocity(_: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(t)
        return noise - clean

    torch.testing.assert_close(drawn(velocity, noise, 5), clean)
    assert torch.equal(torch.stack(seen), sampling_times(5, shift_of(16))[:-1, None].expand(5, 2))


def test_every_step_has_its_share_of_the_gradient() -> None:
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    noise, calls = torch.randn(1, 16, 4, dtype=torch.float64), iter(range(3))

    def made(weights: torch.Tensor) -> torch.Tensor:
        order = iter(range(3))
        return drawn(lambda x_t, _: weights[next(order)] * x_t, noise, 3)

    assert torch.autograd.gradcheck(made, weights)
    times = sampling_times(3, shift_of(16)).double()
    expected = noise
    for (t, following), number in zip(pairwise(times), calls, strict=True):
        expected = expected * (1 + (following - t) * weights[number].detach())
    torch.testing.assert_close(made(weights).detach(), expected)


def test_euler_shows_the_tokens_after_each_step() -> None:
    times = torch.tensor([1.0, 0.5, 0.25])
    steps = list(euler(lambda x_t, t: x_t * t, torch.ones(1), times))
    torch.testing.assert_close(torch.cat(steps), torch.tensor([0.5, 0.4375]))


class Found:
    """Stands for a detector that finds the given faces, whatever it is shown."""

    def __init__(self, faces: list[NDArray[np.float32]]) -> None:
        self.faces = faces

    def detect(self, images: list[NDArray[np.uint8]]) -> list[Detections]:
        self.images = images
        return [Detections(np.zeros((len(f), 4), np.float32), np.ones(len(f), np.float32), f) for f in self.faces]


def test_landmarks_are_those_of_the_nearest_face_or_the_expected_ones() -> None:
    near, far = EYES + 6, EYES + 30
    finder = Found([np.stack([far, near]), EYES[None][:0]])
    expected = torch.from_numpy(np.stack([EYES, EYES, EYES + 60]))
    pictures = torch.full((2, 3, 64, 64), 2.0, requires_grad=True)
    places = found_landmarks(cast(Detector, finder), pictures, expected, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(places, torch.from_numpy(np.stack([near, EYES, EYES + 60])))
    assert finder.images[0].shape == (64, 64, 3)
    assert finder.images[0].min() == 255
