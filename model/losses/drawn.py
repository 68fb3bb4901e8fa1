"""Pictures drawn in training as they are drawn later, from noise in a few steps, and where their faces lie."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from model.faces.detector import Detector
from model.latents import rgb
from model.losses.flow import euler, sampling_times, shift_of


def drawn(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int) -> Tensor:
    """Clean tokens [B, L, 4C] after `steps` Euler steps from `noise`, with the gradient of all steps.

    A loss on them is asked of the very pictures that a sampler makes (Clark et al. 2023, DRaFT); one on a clean picture
    predicted from a noised photo is asked of pictures that nobody gets to see. `velocity` is given tokens and times.
    """
    times = sampling_times(steps, shift_of(noise.shape[1])).to(noise)
    *_, clean = euler(lambda x_t, t: velocity(x_t, t.expand(len(x_t))), noise, times)
    return clean


def found_landmarks(detector: Detector, pictures: Tensor, landmarks: Tensor, of_picture: Tensor) -> Tensor:
    """Landmarks [F, 5, 2] of the faces found in `pictures` [B, 3, H, W], in [-1, 1], where F faces are expected.

    A drawn face need not lie where the photo's does. Of each expected face, with `landmarks` [F, 5, 2] in the picture
    that `of_picture` [F] numbers, the nearest found one is taken, and what was expected where none is as near as its
    eyes are to each other.
    """
    found = [one.landmarks for one in detector.detect(list(rgb(pictures)))]
    placed = []
    for points, picture in zip(landmarks.cpu().numpy(), of_picture.tolist(), strict=True):
        far = np.abs(found[picture] - points).mean((1, 2))
        near = len(far) and far.min() < np.linalg.norm(points[0] - points[1])
        placed.append(found[picture][far.argmin()] if near else points)
    return torch.from_numpy(np.stack(placed)).to(landmarks)
