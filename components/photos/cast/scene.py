"""Put cut-out people together in one photo: layout, composition, light."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from components.photos.cast.backdrops import Picture, backdrop

# Canvas (width, height) in pixels and the range of a portrait's scale, by the number of people.
CANVAS = {0: (768, 512), 1: (512, 512), 2: (768, 512), 3: (768, 512), 4: (1024, 512)}
SCALE = {1: (0.85, 1.1), 2: (0.74, 0.88), 3: (0.56, 0.66), 4: (0.58, 0.68)}
# Gains of red, green and blue and the exponent of the tone curve, by the words for the light.
LIGHT = {
    "warm light": ((1.10, 1.0, 0.84), 1.0),
    "cool light": ((0.88, 0.98, 1.12), 1.0),
    "dim light": ((0.78, 0.78, 0.80), 1.15),
    "bright light": ((1.10, 1.10, 1.08), 0.85),
    "even light": ((1.0, 1.0, 1.0), 1.0),
}


@dataclass(frozen=True)
class Scene:
    """A composed photo [H,W,3] uint8 RGB, the frame [4] of each person's portrait in it, words for light and place."""

    picture: NDArray[np.uint8]
    frames: list[tuple[float, float, float, float]]
    light: str
    backdrop: str


def compose(rng: np.random.Generator, cut_outs: Sequence[NDArray[np.uint8]]) -> Scene:
    """A photo of the people cut out in `cut_outs` [512,512,4], left to right, standing in front of a backdrop."""
    count = len(cut_outs)
    width, height = CANVAS[count]
    canvas, words = backdrop(rng, width, height)
    order = rng.permutation(count)  # who stands behind whom
    frames: list[tuple[float, float, float, float]] = [(0.0, 0.0, 0.0, 0.0)] * count
    for place in order:
        scale = rng.uniform(*SCALE[count])
        side = cut_outs[place].shape[0] * scale
        centre = (place + 0.5) * width / count + rng.uniform(-0.06, 0.06) * width / count
        bottom = height + rng.uniform(0, 0.1) * side
        frames[place] = (centre - side / 2, bottom - side, centre + side / 2, bottom)
        _paste(canvas, cut_outs[place], frames[place])
    light = str(rng.choice(list(LIGHT)))
    return Scene(_develop(rng, canvas, light), frames, light, words)


def _paste(canvas: Picture, cut_out: NDArray[np.uint8], frame: tuple[float, float, float, float]) -> None:
    left, top, right, _ = frame
    scale = (right - left) / cut_out.shape[1]
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    layer = np.asarray(cut_out, np.float32) / np.float32(255)
    layer[..., :3] *= layer[..., 3:]  # premultiplied, so that the edge does not pick up the old backdrop
    if scale < 1:
        layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.35 / scale), np.float32)
    placed = cv2.warpAffine(layer, matrix, (canvas.shape[1], canvas.shape[0]), flags=cv2.INTER_LINEAR)
    canvas *= 1 - placed[..., 3:]
    canvas += placed[..., :3]


def _develop(rng: np.random.Generator, canvas: Picture, light: str) -> NDArray[np.uint8]:
    """The light's colour and tone over the whole photo, a little uneven, with sensor noise."""
    gains, exponent = LIGHT[light]
    left, right = rng.uniform(0.92, 1.08, 2)
    across = np.linspace(left, right, canvas.shape[1])[None, :, None]
    lit = np.clip(canvas * np.array(gains) * across, 0, 1) ** exponent
    noisy = lit + rng.normal(0, rng.uniform(0.002, 0.008), canvas.shape)
    return np.clip(noisy * 255 + 0.5, 0, 255).astype(np.uint8)
