"""Photos for pretraining: each goes to the bucket of its shape."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import UserError
from model.presets import nano
from model.pretraining.photos import load_photos

SHAPES = {"square.jpg": (200, 200), "wide.jpg": (300, 200), "very wide.png": (400, 200), "other.jpg": (210, 200)}


def _folder(path: Path) -> Path:
    path.mkdir()
    with open(path / "photos.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path"])
        for name, size in SHAPES.items():
            Image.new("RGB", size, (200, 100, 50)).save(path / name)
            writer.writerow([name])
    return path


def test_each_photo_goes_to_the_bucket_of_its_shape(tmp_path: Path) -> None:
    photos = load_photos([_folder(tmp_path / "a"), _folder(tmp_path / "b")], nano())
    assert {size: part.shape for size, part in photos.items()} == {
        (128, 128): (4, 128, 128, 3),
        (192, 128): (2, 128, 192, 3),
        (256, 128): (2, 128, 256, 3),
    }
    assert np.abs(photos[(192, 128)].astype(int) - [200, 100, 50]).max() < 6


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no photos\.csv"):
        load_photos([tmp_path], nano())
