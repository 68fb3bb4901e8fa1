"""Photos for pretraining: every photo of some photo folders, scaled to the preset's bucket sizes."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.dataset.buckets import Size, choose
from model.errors import UserError
from model.presets import Preset
from model.progress import track

Photos = dict[Size, NDArray[np.uint8]]  # pictures [N,H,W,3] RGB, by (width, height)


def load_photos(folders: list[Path], chosen: Preset) -> Photos:
    """Every photo that the folders' photos.csv files name, at the bucket of its own aspect ratio.

    Raises UserError when a folder has no photos.csv.
    """
    paths = [path for folder in folders for path in _paths(folder)]
    with ThreadPoolExecutor(2) as pool:
        scaled = track(pool.map(lambda path: _scaled(path, chosen), paths), "photos", len(paths), "photo")
        pictures: dict[Size, list[NDArray[np.uint8]]] = {}
        for picture in scaled:
            pictures.setdefault((picture.shape[1], picture.shape[0]), []).append(picture)
    return {size: np.stack(part) for size, part in sorted(pictures.items())}


def _paths(folder: Path) -> list[Path]:
    table = folder / "photos.csv"
    if not table.exists():
        raise UserError(f"photo folder '{folder}' has no photos.csv; make it with `withanyone cast`")
    with open(table, newline="", encoding="utf-8") as file:
        return [folder / row["path"] for row in csv.DictReader(file)]


def _scaled(path: Path, chosen: Preset) -> NDArray[np.uint8]:
    with Image.open(path) as file:
        size = choose(file.width, file.height, sorted(set(chosen.buckets)))[0]
        file.draft("RGB", (size[0] * 2, size[1] * 2))
        return np.asarray(file.convert("RGB").resize(size, Image.Resampling.LANCZOS))
