"""A small sound dataset on disk, made of random people, for the tests that judge datasets and models."""

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.artefacts import write_json
from model.dataset.records import SCHEMA_VERSION, TABLES, read_table, write_table
from model.dataset.shards import Sample, list_shards, write_shards

DIM = 16
SIDE = 160
BOX = 48
RIGHTS = {"source": "cast", "licence": "CC0-1.0", "consent": "synthetic"}
Frame = Any  # a pandas frame, whose cells may hold vectors


def sound_dataset(folder: Path, people: int = 8, heldout: int = 3, singles: int = 3, groups: int = 4) -> Path:
    """People p00, p01, ...; the last `heldout` are held out; each has `singles` photos, neighbours are in `groups`."""
    rng = np.random.default_rng(3)
    centres = np.linalg.qr(rng.normal(size=(max(people, DIM), DIM)))[0][:people]
    names = [f"p{index:02d}" for index in range(people)]
    casts = [[index] for index in range(people) for _ in range(singles)]
    for side in (range(people - heldout), range(people - heldout, people)):
        casts += [[side[turn % len(side)], side[(turn + 1) % len(side)]] for turn in range(groups) if len(side) > 1]
    images: list[dict[str, Any]] = []
    faces: list[dict[str, Any]] = []
    samples = []
    for number, cast in enumerate(casts):
        image_id = f"{number:016x}"
        picture = rng.integers(0, 255, (SIDE // 8, SIDE // 8, 3), np.uint8)
        samples.append(_sample(image_id, picture))
        images.append(_image(image_id, cast, "heldout" if cast[0] >= people - heldout else "train"))
        faces += [_face(rng, image_id, place, names[who], centres[who], len(cast)) for place, who in enumerate(cast)]
    folder.mkdir(parents=True)
    where: dict[str, str] = {}
    for part, kind in (("references", "single"), ("images", "group")):
        chosen = [sample for sample, row in zip(samples, images, strict=True) if row["kind"] == kind]
        where |= {sample.key: shard for sample, shard in write_shards(folder, part, chosen, per_shard=16)}
    for row in images:
        row["shard"] = where[row["image_id"]]
    identities = _identities(names, faces, people - heldout)
    refused = [{"path": "broken.jpg", "stage": "decode", "reason": "truncated", "detail": "broken.jpg ends too early"}]
    for name, rows in (("images", images), ("faces", faces), ("identities", identities), ("rejects", refused)):
        write_table(folder, name, rows)
    write_json(folder / "manifest.json", _manifest(folder, images, faces, identities, heldout))
    return folder


def edit(folder: Path, table: str, change: Callable[[Frame], Frame]) -> None:
    """Rewrite one table through `change`, keeping its schema."""
    frame = change(read_table(folder, table).to_pandas())
    rows = frame[TABLES[table].names].astype(object).where(frame.notna(), None).to_dict("records")
    write_table(folder, table, rows)


def _sample(image_id: str, picture: NDArray[np.uint8]) -> Sample:
    buffer = io.BytesIO()
    Image.fromarray(picture).resize((SIDE, SIDE)).save(buffer, "JPEG")
    return Sample(image_id, buffer.getvalue(), {"image_id": image_id}, {})


def _image(image_id: str, cast: list[int], split: str) -> dict[str, Any]:
    count = len(cast)
    return {
        "image_id": image_id,
        "path": f"{image_id}.jpg",
        "key": image_id,
        "width": SIDE,
        "height": SIDE,
        "kind": "single" if count == 1 else "group",
        "faces": count,
        "known": count,
        "caption": f"{count} people",
        "query": "",
        **RIGHTS,
        "split": split,
        "sharpness": 100.0,
        "exposure": 0.5,
        "tags": [],
        "aesthetic": None,
    }


def _face(
    rng: np.random.Generator, image_id: str, place: int, name: str, centre: NDArray[np.float64], count: int
) -> dict[str, Any]:
    left, top = 12 + 74 * place + int(rng.integers(0, 8)), 40 + int(rng.integers(0, 20))
    embedding = 5 * centre + rng.normal(0, 0.5, DIM)
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * BOX + (left, top)
    return {
        "face_id": f"{image_id}-{place}",
        "image_id": image_id,
        "index": place,
        "identity": name,
        "role": "reference" if count == 1 else "target",
        "score": 0.99,
        "similarity": 0.9,
        "box": [left, top, left + BOX, top + BOX],
        "landmarks": points.ravel().tolist(),
        "embedding": embedding.tolist(),
        "sharpness": 80.0,
        "fingerprint": f"{int(rng.integers(0, 2**63)):016x}",
        **RIGHTS,
    }


def _identities(names: list[str], faces: list[dict[str, Any]], trained: int) -> list[dict[str, Any]]:
    rows = []
    for index, name in enumerate(names):
        bank = [face for face in faces if face["identity"] == name and face["role"] == "reference"]
        units = np.array([face["embedding"] for face in bank])
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        centre = units.mean(0) / np.linalg.norm(units.mean(0))
        targets = sum(face["identity"] == name and face["role"] == "target" for face in faces)
        split = "train" if index < trained else "heldout"
        rows.append(
            {"identity": name, "references": len(bank), "targets": targets, "split": split}
            | {"centre": centre.tolist(), "spread": float((units @ centre).mean())}
            | {"licences": [RIGHTS["licence"]], "consents": [RIGHTS["consent"]]}
        )
    return rows


def _manifest(
    folder: Path,
    images: list[dict[str, Any]],
    faces: list[dict[str, Any]],
    identities: list[dict[str, Any]],
    heldout: int,
) -> dict[str, Any]:
    counts = {"photos": len(images) + 1, "images": len(images), "faces": len(faces), "identities": len(identities)}
    shards = [{"name": shard.name, "sha256": shard.sha256, "samples": shard.samples} for shard in list_shards(folder)]
    return {
        "schema": SCHEMA_VERSION,
        "photos_digest": "0" * 64,
        "recogniser": {"name": "facesdk", "dim": DIM, "digest": "0" * 64},
        "settings": {},
        "counts": counts | {"heldout_identities": heldout, "pairs": 0, "rejects": dict(Counter(["truncated"]))},
        "shards": shards,
        "licences": ["CC0-1.0"],
    }
