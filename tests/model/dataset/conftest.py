"""A small dataset folder written by hand."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.artefacts import write_json
from model.dataset.records import write_table
from model.dataset.shards import Sample, write_shards

Row = dict[str, Any]
RIGHTS = {"source": "album", "licence": "CC-BY-4.0", "consent": "signed"}


def face(image: str, identity: str | None, role: str, seed: int, **changes: Any) -> Row:
    """A row of the faces table; faces of one `seed` are copies of one another."""
    rng = np.random.default_rng(seed)
    row: Row = {
        "face_id": f"{image}-0",
        "image_id": image,
        "index": 0,
        "identity": identity,
        "role": role,
        "score": 0.9,
        "similarity": 0.8 if identity else None,
        "box": [10, 10, 90, 90],
        "landmarks": list(range(10)),
        "embedding": rng.standard_normal(8).astype("f4"),
        "sharpness": 200.0,
        "fingerprint": f"{int(rng.integers(2**63)):016x}",
        **RIGHTS,
    }
    return row | changes


@pytest.fixture
def make_face() -> Callable[..., Row]:
    return face


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ada: two references and a group photo; Bo: one of each, held out."""
    faces = [
        face("a1", "Ada", "reference", 1),
        face("a2", "Ada", "reference", 2, sharpness=900.0),
        face("b1", "Bo", "reference", 3),
        face("g1", "Ada", "target", 4),
        face("g2", "Bo", "target", 5),
    ]
    splits = {"a1": "train", "a2": "train", "b1": "heldout", "g1": "train", "g2": "heldout"}
    images, samples = [], []
    for number, (name, split) in enumerate(splits.items()):
        picture = io.BytesIO()
        Image.new("RGB", (32, 16), (number * 40, 0, 0)).save(picture, "JPEG", quality=100)
        samples.append(Sample(name, picture.getvalue(), {"image_id": name}, {"boxes": np.zeros((1, 4), "f4")}))
        row: Row = {"image_id": name, "path": f"{name}.jpg", "key": name, "width": 32, "height": 16, "kind": "single"}
        row |= {
            "shard": "images/part-00000.tar",
            "faces": 1,
            "known": 1,
            "split": split,
            "sharpness": 1.0,
            "exposure": 0.5,
            "tags": [],
            "aesthetic": None,
        }
        images.append(row | {"caption": "", "query": ""} | RIGHTS)
    people = [
        {"identity": name, "references": 1, "targets": 1, "centre": np.eye(8)[0], "spread": 1.0, "split": split}
        | {"licences": [RIGHTS["licence"]], "consents": [RIGHTS["consent"]]}
        for name, split in (("Ada", "train"), ("Bo", "heldout"))
    ]
    dataset = tmp_path / "dataset"
    list(write_shards(dataset, "images", samples, per_shard=9))
    for table, rows in (("images", images), ("faces", faces), ("identities", people), ("rejects", [])):
        write_table(dataset, table, rows)
    write_json(dataset / "manifest.json", {"schema": 2, "recogniser": {"name": "test", "dim": 8, "digest": "0"}})
    return dataset
