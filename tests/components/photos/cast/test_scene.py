"""Scenes: sizes, order, words, and that the same seed gives the same photo."""

import numpy as np
import pytest

from components.photos.cast.backdrops import COLOURS, KINDS, backdrop
from components.photos.cast.scene import CANVAS, LIGHT, compose
from model.captions import LIGHTS


def _cut_out(colour: tuple[int, int, int]) -> np.ndarray:
    picture = np.zeros((512, 512, 4), np.uint8)
    picture[150:, 120:392] = (*colour, 255)
    return picture


@pytest.mark.parametrize("people", [1, 2, 3, 4])
def test_people_stand_left_to_right_in_their_frames(people: int) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)][:people]
    scene = compose(np.random.default_rng(people), [_cut_out(colour) for colour in colours])
    assert scene.picture.shape == (CANVAS[people][1], CANVAS[people][0], 3)
    centres = [(frame[0] + frame[2]) / 2 for frame in scene.frames]
    assert centres == sorted(centres)
    for colour, frame in zip(colours, scene.frames, strict=True):
        x, y = (int((low + high) / 2) for low, high in ((frame[0], frame[2]), (frame[1], frame[3])))
        pixel = scene.picture[min(y + 20, 511), x].astype(int)
        bright = [channel for channel in range(3) if colour[channel]]
        assert min(pixel[bright]) > 120
        assert max(np.delete(pixel, bright), default=0) < 60


def test_the_same_seed_gives_the_same_photo() -> None:
    first, second = (compose(np.random.default_rng(3), [_cut_out((200, 150, 120))]) for _ in range(2))
    assert np.array_equal(first.picture, second.picture)
    assert (first.light, first.backdrop) == (second.light, second.backdrop)


def test_lights_are_the_captions_words() -> None:
    assert set(LIGHT) == set(LIGHTS)


def test_backdrops_are_pictures_with_words() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        picture, words = backdrop(rng, 96, 64)
        assert picture.shape == (64, 96, 3)
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert np.isfinite(picture).all()
        seen.add(next(kind for kind in KINDS if words.endswith(kind)) if words not in KINDS else words)
        assert words in KINDS or words.split(" ")[1] in COLOURS
    assert len(seen) >= len(KINDS) - 1
