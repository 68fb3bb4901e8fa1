"""A pipeline and an analyser small enough to reason about: pictures show what went in, faces are white squares."""

import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.packaging.credentials import Credentials
from components.packaging.engine import Engine
from components.packaging.lineage import Lineage
from components.packaging.selftest import SelfTest
from model.errors import UserError
from model.faces.analyser import Face
from model.faces.geometry import TEMPLATE, TEMPLATE_SIZE
from model.sampler import OnStep, Request

LINEAGE = Lineage(
    version="1", model="m" * 64, dataset="d" * 64, decision="e" * 64, verdict="promote", intended_use="research"
)
SIZE = (160, 128)  # width, height
POINTS = TEMPLATE / TEMPLATE_SIZE  # where a face's landmarks lie in its box


class Painter:
    """Paints noise of the seed and what it was told about each person into that person's box."""

    def __init__(self) -> None:
        self.orders: list[tuple[Request, int | None, float, float]] = []
        self.pause = 0.0  # seconds a step

    def layout(self, n: int) -> tuple[NDArray[np.float32], int, int]:
        if n > 3:
            raise UserError("people: at most 3 fit; ask for fewer people.")
        edges = np.linspace(0, SIZE[0], n + 1)
        return np.array([[x0 + 4, 8, x1 - 4, 64] for x0, x1 in pairwise(edges)], np.float32), *SIZE

    def __call__(
        self,
        requests: Sequence[Request],
        *,
        steps: int | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        self.orders += [(request, steps, id_weight, siglip_weight) for request in requests]
        for number in range(1, (steps or 4) + 1):
            time.sleep(self.pause)
            if on_step is not None:
                on_step(number, steps or 4)
        return [self.paint(request) for request in requests]

    def paint(self, request: Request) -> Image.Image:
        canvas = np.random.default_rng(request.seed).integers(0, 99, (request.height, request.width, 3), np.uint8)
        for embedding, (x0, y0, x1, y1) in zip(request.embeddings, request.boxes.round().astype(int), strict=True):
            canvas[y0:y1, x0:x1] = 100 + int(abs(embedding).sum()) % 100
        return Image.fromarray(canvas)


class Finder:
    """Sees a face wherever `with_faces` put one: a white square, whose identity is the grey around it."""

    name, dim = "finder", 4

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        return [self.faces(image) for image in images]

    def faces(self, image: NDArray[np.uint8]) -> list[Face]:
        white = (image == 255).all(axis=2)
        starts = white & ~np.roll(white, 1, axis=0) & ~np.roll(white, 1, axis=1)
        found = []
        for y, x in np.argwhere(starts):
            side = int(np.argmin(np.append(white[y, x:], False)))
            box = np.array([x, y, x + side, y + side], np.float32)
            grey = float(image[0, 0, 0])
            found.append(Face(box, (box[:2] + side * POINTS).astype(np.float32), 0.9, np.full(4, grey, np.float32)))
        return found


def with_faces(*sides: int, grey: int = 30) -> Image.Image:
    """A picture of grey with white squares of the given sides in a row."""
    image = Image.new("RGB", (40 + sum(side + 20 for side in sides) + 64, 100), (grey,) * 3)
    x = 20
    for side in sides:
        image.paste((255, 255, 255), (x, 10, x + side, 10 + side))
        x += side + 20
    return image


def small_engine() -> Engine:
    facts = {"licence": {"use": "research"}, "scores": {"schema": 1}}
    return Engine(Painter(), Finder(), LINEAGE, facts, [SIZE, (256, 128)], Credentials.of(None, None), SelfTest())
