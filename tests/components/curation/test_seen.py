"""What was seen in photos, put together for all of them: in memory that each photo adds little to."""

import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.curation.config import CurationConfig
from components.curation.items import Item, item_table
from components.curation.kept import KEY, Kept
from components.curation.looked import ROW
from components.curation.seen import FACE_COLUMNS, SeenPhotos, gather

COUNT = 10_000
NUMBERS = ("width", "height", "offset", "length", "sharpness", "exposure", "warmth")


def row(key: str) -> dict[str, Any]:
    """What is kept of a photo with one face."""
    face = {name: [0.0] for name in FACE_COLUMNS} | {"box": [0.0] * 4, "landmarks": [0.0] * 10}
    texts = {"refused": None, "detail": None, "blob": "0" * 32, "picture": "0" * 16, "fingerprint": ["0" * 16]}
    return face | texts | dict.fromkeys(NUMBERS, 1) | {KEY: key, "dim": 2, "embedding": [1.0, 0.0]}


def test_putting_photos_together_takes_little_memory_of_each(tmp_path: Path) -> None:
    keys = [f"{number:064x}" for number in range(COUNT)]
    listed = item_table(Item(f"{number:05}.jpg") for number in range(COUNT)).append_column(KEY, pa.array(keys))
    with Kept(tmp_path / "rows", ROW) as kept:
        kept.add([row(key) for key in keys])
        tracemalloc.start()
        found, _ = gather(kept, listed, tmp_path, lambda lines: SeenPhotos(lines, tmp_path, tmp_path, CurationConfig()))
        stays, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found.photos[COUNT - 1].item.path == f"{COUNT - 1:05}.jpg"
    assert stays < 120 * COUNT
    assert peak < 190 * COUNT  # the photos' numbers are in a file before the faces' are read
