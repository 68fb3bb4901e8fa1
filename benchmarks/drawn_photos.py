"""Draws what curation must refuse, from ordinary photos: text over them, collages, screenshots, cartoons, sketches."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

Photo = NDArray[np.uint8]  # [H, W, 3] RGB
Draw = Callable[[np.random.Generator, Sequence[Photo]], Photo]
WORDS = ("SAMPLE", "stockphoto", "PREVIEW ONLY", "agency/studio", "Photo Press", "www.example.com")


def words_over(opacity: float, where: str) -> Draw:
    """Words drawn over the first photo with `opacity` in 0..1: a 'caption', a 'corner', the 'centre', or 'repeated'."""

    def draw(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
        picture = Image.fromarray(photos[0])
        width, height = picture.size
        text = str(rng.choice(WORDS))
        share = {"caption": 0.055, "corner": 0.045, "centre": 0.11, "repeated": 0.06}[where]
        font = ImageFont.load_default(max(11, round(min(width, height) * share)))
        layer = Image.new("L", (2 * width, 2 * height))
        pen = ImageDraw.Draw(layer)
        _, top, right, bottom = (round(v) for v in pen.textbbox((0, 0), text, font))
        rim = round(0.02 * min(width, height))
        if where == "repeated":
            for row, y in enumerate(range(0, 2 * height, 4 * bottom)):
                for x in range(-(row % 2) * right, 2 * width, 2 * right):
                    pen.text((x, y), text, 255, font)
            turned = layer.rotate(float(rng.uniform(20, 40)), Image.Resampling.BICUBIC)
            layer = turned.crop((width // 2, height // 2, width // 2 + width, height // 2 + height))
        else:
            places = {
                "caption": ((width - right) // 2, height - bottom - rim),
                "corner": (width - right - rim if rng.random() < 0.5 else rim, rim - top),
                "centre": ((width - right) // 2, int(height * rng.uniform(0.35, 0.7))),
            }
            pen.text(places[where], text, 255, font)
            layer = layer.crop((0, 0, width, height))
        ink = "white" if where == "repeated" or rng.random() < 0.7 else "black"
        picture.paste(Image.new("RGB", picture.size, ink), (0, 0), layer.point(lambda value: round(value * opacity)))
        return np.asarray(picture)

    return draw


def collage(border: bool) -> Draw:
    """2 to 9 of the photos in unequal cells, with a border of one colour between them or none."""

    def draw(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
        rows, columns = [(1, 2), (2, 1), (1, 3), (2, 2), (2, 3), (3, 3)][int(rng.integers(6))]
        height, width = 384 * rows // max(1, rows - 1), 384 * columns // max(1, columns - 1)
        gap = int(rng.integers(4, 16)) if border else 0
        page = np.full((height, width, 3), rng.choice([0, 255, 235]), np.uint8)
        take = iter(photos)
        ys = _cuts(rng, rows, height)
        for top, bottom in pairwise(ys):
            xs = _cuts(rng, columns, width)
            for left, right in pairwise(xs):
                size = (right - left - gap, bottom - top - gap)
                cell = ImageOps.fit(Image.fromarray(next(take)), size, Image.Resampling.LANCZOS, centering=(0.5, 0.3))
                y, x = top + gap // 2, left + gap // 2
                page[y : y + size[1], x : x + size[0]] = np.asarray(cell)
        return page

    return draw


def _cuts(rng: np.random.Generator, cells: int, length: int) -> list[int]:
    """Where cells of unequal size begin and end."""
    sizes = rng.uniform(0.75, 1.25, cells)
    return [0, *(int(v) for v in np.cumsum(sizes / sizes.sum())[:-1] * length), length]


def screenshot(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
    """A page of a program: bars, a list, lines of text, buttons, and the first photo among them."""
    dark = bool(rng.random() < 0.4)
    width, height = ((540, 960), (1024, 640), (900, 700))[int(rng.integers(3))]
    paper, ink, bar = ((24, 26, 30), (225,) * 3, (44, 48, 56)) if dark else ((250,) * 3, (30,) * 3, (66, 103, 178))
    page = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(16)
    pen.rectangle((0, 0, width, 48), bar)
    pen.text((16, 14), "Messages", (255,) * 3, font)
    shown = ImageOps.contain(Image.fromarray(photos[0]), (int(width * rng.uniform(0.45, 0.9)), int(height * 0.62)))
    left = 16 if width > height else (width - shown.width) // 2
    page.paste(shown, (left, 72))
    for y in range(72 + shown.height + 16, height - 60, 26):
        pen.text((16, y), " ".join(rng.choice(WORDS, 3)), ink, font)
    if width > height:
        for y in range(72, height - 40, 44):
            pen.rectangle((left + shown.width + 20, y, width - 12, y + 34), outline=bar)
            pen.text((left + shown.width + 30, y + 8), str(rng.choice(WORDS)), ink, font)
    pen.rectangle((0, height - 44, width, height), bar)
    return np.asarray(page)


def cartoon(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
    """The first photo as a drawing: smoothed between edges, in few tones, its outlines inked."""
    smooth = photos[0]
    for _ in range(3):
        smooth = np.asarray(cv2.bilateralFilter(smooth, 9, 40, 7), np.uint8)
    tones = int(rng.integers(5, 9))
    flat = (np.round(smooth / 255 * tones) / tones * 255).astype(np.uint8)
    grey = cv2.medianBlur(cv2.cvtColor(photos[0], cv2.COLOR_RGB2GRAY), 7)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.asarray(np.where(lines[..., None] > 0, flat, 0), np.uint8)


def posterised(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
    """The first photo in a few flat colours, without outlines."""
    smooth = cv2.pyrMeanShiftFiltering(photos[0], 12, int(rng.integers(24, 40)))
    tones = int(rng.integers(4, 8))
    return np.asarray(np.round(smooth / 255 * tones) / tones * 255, np.uint8)


def sketch(rng: np.random.Generator, photos: Sequence[Photo]) -> Photo:
    """The first photo as pencil lines on paper: its grey divided by its blur."""
    grey = cv2.cvtColor(photos[0], cv2.COLOR_RGB2GRAY)
    lines = cv2.divide(grey, cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(3, 8))), scale=250)
    return np.repeat(lines[..., None], 3, axis=2)


KINDS: dict[str, dict[str, Draw]] = {
    "text": {
        "caption, solid": words_over(1.0, "caption"),
        "corner, solid": words_over(1.0, "corner"),
        "centre, 45 %": words_over(0.45, "centre"),
        "repeated, 45 %": words_over(0.45, "repeated"),
        "caption, 45 %": words_over(0.45, "caption"),
    },
    "collage": {"with borders": collage(True), "without borders": collage(False)},
    "screenshot": {"page": screenshot},
    "drawing": {"cartoon": cartoon, "posterised": posterised, "sketch": sketch},
}
