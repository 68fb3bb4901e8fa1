"""A small dataset in the real format: coloured squares for faces, one colour a person."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.dataset.records import write_table
from model.dataset.rights import OF_PERSON, RIGHTS
from model.dataset.shards import Sample, list_shards, write_shards
from model.faces.geometry import TEMPLATE
from tests.model.tiny import SIZES

FACE = 28
PEOPLE = ("ann", "bob", "cid", "dan")
Box = tuple[int, int, int, int]
COLOURS = ((250, 40, 30), (40, 240, 60), (30, 60, 250), (230, 220, 40))


def tiny_dataset(folder: Path, photos: int = 4, groups: int = 4) -> Dataset:
    """`photos` single photos (64 x 64) of each of 3 people and of a held-out one, and `groups` pairs (96 x 64)."""
    draws = np.random.default_rng(0)
    people = {name: draws.normal(size=SIZES.embedding) for name in PEOPLE}
    scenes: list[tuple[str, ...]] = [(name,) for name in PEOPLE for _ in range(photos)]
    scenes += [(PEOPLE[n % 3], PEOPLE[(n + 1) % 3]) for n in range(groups)] + [("ann", "")]
    samples, images, faces = [], [], []
    for number, scene in enumerate(scenes):
        image_id = f"{number:016x}"
        pixels, boxes = _draw(draws, scene)
        encoded, jpg = cv2.imencode(".jpg", pixels[..., ::-1])
        assert encoded
        samples.append(Sample(image_id, jpg.tobytes(), {"image_id": image_id}, {}))
        images.append(_image(image_id, scene, pixels))
        for index, (name, box) in enumerate(zip(scene, boxes, strict=True)):
            centre = people.get(name, np.ones(SIZES.embedding))
            faces.append(_face(image_id, index, name, box, centre + 0.2 * draws.normal(size=SIZES.embedding), draws))
    shards = {sample.key: shard for sample, shard in write_shards(folder, "images", samples, per_shard=7)}
    write_table(folder, "images", [row | {"shard": shards[row["image_id"]]} for row in images])
    write_table(folder, "faces", faces)
    write_table(folder, "identities", [_identity(name, people[name], photos) for name in PEOPLE])
    write_table(folder, "rejects", [])
    names = [{"name": s.name, "sha256": s.sha256, "samples": s.samples} for s in list_shards(folder)]
    facts = {
        "schema": 2,
        "recogniser": {"name": "tiny", "dim": SIZES.embedding, "digest": "0"},
        "licences": ["CC0-1.0"],
    }
    write_json(folder / "manifest.json", facts | {"shards": names})
    return Dataset.open(folder)


def _draw(draws: np.random.Generator, scene: tuple[str, ...]) -> tuple[NDArray[np.uint8], list[Box]]:
    width = 64 if len(scene) == 1 else 96
    pixels = np.full((64, width, 3), draws.integers(90, 160), np.uint8)
    boxes = []
    for index, name in enumerate(scene):
        x = 8 + 44 * index + int(draws.integers(0, 8))
        y = 10 + int(draws.integers(0, 12))
        colour = COLOURS[PEOPLE.index(name)] if name else (128, 0, 128)
        pixels[y : y + FACE, x : x + FACE] = colour
        pixels[y + 8 : y + 14, x + 6 : x + 22] //= 2
        boxes.append((x, y, x + FACE, y + FACE))
    return pixels, boxes


def _image(image_id: str, scene: tuple[str, ...], pixels: NDArray[np.uint8]) -> dict[str, Any]:
    texts = dict.fromkeys(("query", *RIGHTS), "")
    return {
        **texts,
        "image_id": image_id,
        "path": f"{'portraits' if len(scene) == 1 else 'scenes/paired'}/{image_id}.jpg",
        "key": image_id,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "kind": "single" if len(scene) == 1 else "group",
        "faces": len(scene),
        "known": len([name for name in scene if name]),
        "caption": f"{len(scene)} squares, {' and '.join(scene)}",
        "split": "heldout" if "dan" in scene else "train",
        "sharpness": 100.0,
        "exposure": 0.5,
        "tags": [],
        "aesthetic": None,
    }


def _face(
    image_id: str,
    index: int,
    name: str,
    box: Box,
    embedding: NDArray[np.float64],
    draws: np.random.Generator,
) -> dict[str, Any]:
    role = "unknown" if not name else "reference" if index == 0 else "target"
    return {
        "face_id": f"{image_id}-{index}",
        "image_id": image_id,
        "index": index,
        "identity": name or None,
        "role": role,
        "score": 0.9,
        "similarity": 0.8 if name else None,
        "box": [float(v) for v in box],
        "landmarks": (TEMPLATE * (FACE / 112) + box[:2]).flatten().tolist(),
        "embedding": embedding.tolist(),
        "sharpness": 100.0,
        "fingerprint": draws.bytes(8).hex(),
        **dict.fromkeys(RIGHTS, ""),
    }


def _identity(name: str, centre: NDArray[np.float64], photos: int) -> dict[str, Any]:
    return {
        "identity": name,
        "references": photos,
        "targets": photos,
        "centre": (centre / np.linalg.norm(centre)).tolist(),
        "spread": 0.8,
        "split": "heldout" if name == "dan" else "train",
        **{name: [""] for name in OF_PERSON},
    }
