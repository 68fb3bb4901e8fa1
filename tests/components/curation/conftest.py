"""Photos whose faces a stand-in for the networks can read: a photo's first row of pixels says what is in it."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.curation import forget, look, step, unwanted
from components.curation.config import CurationConfig
from components.files import write_files
from components.tombstones import FORGOTTEN
from model.artefacts import write_json
from model.faces.analyser import Face
from model.faces.geometry import TEMPLATE

SIDE = 64  # pixels of a painted face
DIM = 128
Paint = Callable[..., bytes]


def paint(*people: int, seed: int = 0, width: int = 240, height: int = 160, picture: str = "PNG") -> bytes:
    """A photo that shows `people` (numbers from 1), left to right; another `seed` is another photo of them."""
    rng = np.random.default_rng([seed, *people])
    pixels = np.repeat(np.repeat(rng.integers(60, 200, (height // 8, width // 8, 3)), 8, 0), 8, 1).astype(np.uint8)
    pixels[0] = 0
    pixels[0, 0] = len(people)
    for place, person in enumerate(people):
        left, top = 8 + place * (SIDE + 8), 40 + seed % 3
        patch = rng.integers(0, 256, (16, 16, 3)).repeat(4, 0).repeat(4, 1)
        pixels[top : top + SIDE, left : left + SIDE] = patch
        pixels[0, place + 1] = (left, top, person)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, picture)
    return buffer.getvalue()


class Reader:
    """Reads the faces that `paint` wrote: embeddings near the person's own direction, moved by the face's look."""

    name, dim = "reader", DIM

    def __init__(self) -> None:
        self.calls = self.seen = 0

    def analyse(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        self.calls += 1
        self.seen += len(images)
        return [
            [self._face(image, image[0, place + 1]) for place in range(min(int(image[0, 0, 0]), 8))] for image in images
        ]

    def _face(self, image: NDArray[np.uint8], cell: NDArray[np.uint8]) -> Face:
        left, top, person = (int(value) for value in cell)
        look = hashlib.sha256(image[top : top + SIDE, left : left + SIDE].tobytes()).digest()
        moved = np.eye(DIM)[person] + 0.05 * np.random.default_rng(list(look)).standard_normal(DIM)
        points = TEMPLATE * (SIDE / 112) + (left, top)
        box = np.array([left, top, left + SIDE, top + SIDE], np.float32)
        return Face(box, points.astype("f4"), 0.95, (20 * moved).astype("f4"))


@pytest.fixture
def painted() -> Paint:
    return paint


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reader:
    """The stand-in in place of the networks, and a cache folder of the test's own."""
    stand_in = Reader()
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(unwanted, "examiners", lambda config: [])
    monkeypatch.setattr(forget, "load", lambda config: stand_in)
    for module in (step, look):
        monkeypatch.setattr(module, "load", lambda config: stand_in)
        monkeypatch.setattr(module, "recogniser", lambda config: {"name": "reader", "digest": "0"})
    return stand_in


@pytest.fixture
def curate(tmp_path: Path, reader: Reader) -> Callable[..., Path]:
    """Makes a photo folder hold these photos (name to bytes) and curates it."""

    def run(photos: dict[str, bytes], name: str = "dataset", config: CurationConfig | None = None) -> Path:
        for there in sorted((tmp_path / "album").rglob("*")):
            name_there = there.relative_to(tmp_path / "album").as_posix()
            if there.is_file() and name_there not in photos and name_there != FORGOTTEN:
                there.unlink()
        for path, data in photos.items():
            target = tmp_path / "album" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.write_bytes(data)
        digest = write_files(tmp_path / "album", tmp_path / "photos")
        about = {"schema": 1, "folder": str(tmp_path / "album"), "source": "folder", "digest": digest}
        write_json(tmp_path / "photos" / "photos.json", about)
        painted = {"kinds": False, "text": "keep"}  # painted photos are drawings, and nothing is written on them
        settings = (config or CurationConfig()).model_copy(update=painted)
        step.run(photos=tmp_path / "photos", dataset=tmp_path / name, config=settings)
        return tmp_path / name

    return run
