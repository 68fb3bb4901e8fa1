"""Releases in MultiID-2M's layout, made sample by sample."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Members = list[tuple[str, bytes]]


def jpg(seed: int = 0, width: int = 120, height: int = 80) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    Image.fromarray(pixels).resize((width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def npy(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(value, dtype=object))
    return buffer.getvalue()


def sample(key: str, seed: int = 0, arrays: Any = None, **said: Any) -> Members:
    """The three members of a sample with two faces, of which person 7 is the first; None leaves a field out."""
    record = {"url": "http://a.b/c", "bboxes": [[5, 6, 35, 46], [60, 10, 90, 40]], "name": ["7", None]} | said
    record = {name: value for name, value in record.items() if value is not None}
    arrays = {"embeddings": np.ones((2, 4), "f4")} if arrays is None else arrays
    return [(f"{key}.jpg", jpg(seed)), (f"{key}.json", json.dumps(record).encode()), (f"{key}.npy", npy(arrays))]


def portrait(key: str, seed: int = 0, **said: Any) -> Members:
    """A reference photo."""
    fields = {"bboxes": [[5, 6, 35, 46]], "name": None, "caption_en": "This image shows somebody"} | said
    return sample(key, seed, {"embedding": np.ones((1, 4), "f4")}, **fields)


def write_tar(path: Path, members: Members) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
