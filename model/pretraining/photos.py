"""Photos and captions for pretraining: every photo of some photo folders, scaled to the preset's bucket sizes."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import UserError
from model.presets import Preset
from model.progress import track

Size = tuple[int, int]


@dataclass(frozen=True)
class Photos:
    """Pictures [N,H,W,3] uint8 RGB and their captions, by (width, height)."""

    pictures: dict[Size, NDArray[np.uint8]]
    captions: dict[Size, list[str]]


def load_photos(folders: list[Path], chosen: Preset) -> Photos:
    """Every photo that the folders' photos.csv files name, at the bucket of its own aspect ratio.

    Raises UserError when a folder has no photos.csv.
    """
    rows = [(folder / row["path"], row["caption"]) for folder in folders for row in _rows(folder)]
    sizes = sorted(set(chosen.buckets))
    with ThreadPoolExecutor(2) as pool:
        scaled = list(track(pool.map(lambda row: _scaled(row[0], sizes), rows), "photos", len(rows), "photo"))
    pictures: dict[Size, list[NDArray[np.uint8]]] = {size: [] for size in sizes}
    captions: dict[Size, list[str]] = {size: [] for size in sizes}
    for (_, caption), (size, picture) in zip(rows, scaled, strict=True):
        pictures[size].append(picture)
        captions[size].append(caption)
    return Photos({size: np.stack(part) for size, part in pictures.items() if part}, captions)


def _rows(folder: Path) -> list[dict[str, str]]:
    table = folder / "photos.csv"
    if not table.exists():
        raise UserError(f"photo folder '{folder}' has no photos.csv with captions; make it with `withanyone cast`")
    with open(table, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _scaled(path: Path, sizes: list[Size]) -> tuple[Size, NDArray[np.uint8]]:
    with Image.open(path) as file:
        size = min(sizes, key=lambda wanted: abs(np.log(file.width / file.height * wanted[1] / wanted[0])))
        file.draft("RGB", (size[0] * 2, size[1] * 2))
        return size, np.asarray(file.convert("RGB").resize(size, Image.Resampling.LANCZOS))
