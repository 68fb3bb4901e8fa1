"""Places to stand in front of, drawn by program, each with the words that describe it."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # [H,W,3] RGB, 0..1
COLOURS = {
    "red": (0.62, 0.25, 0.22),
    "blue": (0.28, 0.42, 0.66),
    "green": (0.33, 0.52, 0.34),
    "yellow": (0.82, 0.71, 0.38),
    "grey": (0.52, 0.53, 0.55),
    "white": (0.88, 0.87, 0.84),
}


def backdrop(rng: np.random.Generator, width: int, height: int) -> tuple[Picture, str]:
    """A backdrop [height,width,3] in 0..1 and its noun phrase, such as "a blue curtain"."""
    kind = rng.choice(list(KINDS))
    colour = str(rng.choice(list(COLOURS)))
    tone = np.array(COLOURS[colour], np.float32) * np.float32(rng.uniform(0.85, 1.12))
    drawn = KINDS[kind](rng, width, height, tone)
    picture = drawn + rng.normal(0, 0.008, drawn.shape)
    words = kind if kind in COLOURLESS else f"a {colour} {kind}"
    return np.clip(picture, 0, 1).astype(np.float32), words


def _wall(rng: np.random.Generator, width: int, height: int, tone: Picture) -> Picture:
    shade = np.linspace(rng.uniform(1.0, 1.15), rng.uniform(0.75, 0.95), height)[:, None, None]
    side = np.linspace(rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.1), width)[None, :, None]
    return (tone * shade * side).astype(np.float32)


def _curtain(rng: np.random.Generator, width: int, height: int, tone: Picture) -> Picture:
    across = np.arange(width) / width * rng.uniform(40, 90) + rng.uniform(0, 6)
    folds = 0.82 + 0.18 * np.sin(across + 0.6 * np.sin(across * 0.37))
    return np.tile((tone * folds[None, :, None]), (height, 1, 1)).astype(np.float32)


def _bricks(rng: np.random.Generator, width: int, height: int, tone: Picture) -> Picture:
    tall, wide = max(6, height // 18), max(12, width // 16)
    rows, columns = np.arange(height) // tall, np.arange(width)
    shifted = columns[None] + (rows[:, None] % 2) * (wide // 2)
    seed = rng.integers(1, 1 << 16)
    shade = 0.85 + 0.2 * (((rows[:, None] * 7919 + shifted // wide * 104729 + seed) % 97) / 97)
    joint = (np.arange(height)[:, None] % tall < 2) | (shifted % wide < 2)
    return (tone * np.where(joint, 0.6, shade)[..., None]).astype(np.float32)


def _evening_lights(rng: np.random.Generator, width: int, height: int, _: Picture) -> Picture:
    picture = np.full((height, width, 3), (0.05, 0.06, 0.11), np.float32)
    for _light in range(int(rng.integers(25, 50))):
        glow = np.zeros_like(picture)
        colour = tuple(float(v) for v in rng.uniform(0.3, 1.0, 3) * (1.0, 0.85, 0.55))
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(glow, centre, int(height * rng.uniform(0.02, 0.07)), colour, -1, cv2.LINE_AA)
        picture += glow * rng.uniform(0.2, 0.7)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), height / 150), np.float32)


def _park(rng: np.random.Generator, width: int, height: int, _: Picture) -> Picture:
    horizon = int(height * rng.uniform(0.45, 0.65))
    picture = np.empty((height, width, 3), np.float32)
    picture[:horizon] = np.linspace((0.55, 0.72, 0.92), (0.83, 0.89, 0.95), horizon)[:, None]
    picture[horizon:] = np.linspace((0.36, 0.52, 0.25), (0.24, 0.38, 0.17), height - horizon)[:, None]
    for _tree in range(int(rng.integers(14, 26))):
        green = tuple(float(v) for v in np.array((0.2, 0.42, 0.16)) * rng.uniform(0.6, 1.3))
        centre = (int(rng.integers(0, width)), int(horizon - height * rng.uniform(-0.03, 0.2)))
        cv2.circle(picture, centre, int(height * rng.uniform(0.05, 0.16)), green, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), height / 55), np.float32)


def _bookshelf(rng: np.random.Generator, width: int, height: int, _: Picture) -> Picture:
    picture = np.full((height, width, 3), (0.25, 0.17, 0.11), np.float32)
    shelf = height // 4
    for top in range(0, height, shelf):
        left = 0
        while left < width:
            thick = int(rng.integers(max(4, width // 60), max(6, width // 28)))
            tall = int(shelf * rng.uniform(0.6, 0.9))
            picture[top + shelf - tall : top + shelf - 3, left : left + thick - 1] = rng.uniform(0.15, 0.75, 3)
            left += thick
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), height / 200), np.float32)


KINDS: dict[str, Callable[[np.random.Generator, int, int, Picture], Picture]] = {
    "wall": _wall,
    "curtain": _curtain,
    "brick wall": _bricks,
    "evening lights": _evening_lights,
    "a park": _park,
    "a bookshelf": _bookshelf,
}
COLOURLESS = ("evening lights", "a park", "a bookshelf")
