"""Writes the dataset folder: shards, the four tables and the manifest."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.items import Reject
from components.curation.labels import Labels
from components.curation.rows import Entry, Row, entries, identity_rows
from model.artefacts import write_json
from model.dataset.pairs import reference_choices
from model.dataset.records import SCHEMA_VERSION, write_table
from model.dataset.shards import Sample, list_shards, write_shards
from model.progress import track

PARTS = {"images": "group", "references": "single"}
IN_SAMPLE = ("face_id", "identity", "role", "score", "similarity")  # what a sample's JSON says of each face


def write_dataset(
    folder: Path,
    labels: Labels,
    held: NDArray[np.bool_],
    splits: list[str],
    rejects: Sequence[Reject],
    facts: dict[str, Any],
    config: CurationConfig,
) -> dict[str, Any]:
    """Write everything into `folder` and return the counts; `facts` are the manifest's entries about the input."""
    images: list[Row] = []
    faces: list[Row] = []
    for entry, shard in _shelve(folder, labels, entries(labels, splits), config.photos_per_shard):
        images.append(entry.image | {"shard": shard})
        faces += entry.faces
    people = identity_rows(labels, held)
    write_table(folder, "images", images)
    write_table(folder, "faces", faces)
    write_table(folder, "identities", people)
    write_table(folder, "rejects", [asdict(reject) for reject in sorted(rejects)])
    counts = {
        "images": len(images),
        "faces": len(faces),
        "identities": len(people),
        "heldout_identities": int(held.sum()),
        "pairs": _pairs(images, faces),
        "rejects": dict(sorted(Counter(reject.reason for reject in rejects).items())),
    }
    manifest = {
        "schema": SCHEMA_VERSION,
        **facts,
        "settings": config.model_dump(exclude={"device"}),
        "counts": facts["counts"] | counts,
        "shards": [asdict(shard) for shard in list_shards(folder)],
        "licences": sorted({row["licence"] for row in images} - {""}),
    }
    write_json(folder / "manifest.json", manifest)
    return dict(manifest["counts"])


def _shelve(folder: Path, labels: Labels, shelf: list[Entry], per_shard: int) -> Iterator[tuple[Entry, str]]:
    """Write the shards; yields each photo with the shard it went to."""
    for part, kind in PARTS.items():
        inside = [entry for entry in shelf if entry.image["kind"] == kind]
        samples = (_sample(labels, entry) for entry in track(inside, part, unit="photo"))
        names = write_shards(folder, part, samples, per_shard)
        yield from ((entry, shard) for entry, (_, shard) in zip(inside, names, strict=True))


def _sample(labels: Labels, entry: Entry) -> Sample:
    record = entry.image | {"people": [{name: face[name] for name in IN_SAMPLE} for face in entry.faces]}
    arrays = {
        "boxes": np.array([face["box"] for face in entry.faces], np.float32),
        "landmarks": np.array([face["landmarks"] for face in entry.faces], np.float32).reshape(-1, 5, 2),
        "embeddings": np.array([face["embedding"] for face in entry.faces], np.float32),
    }
    return Sample(entry.image["key"], labels.found.photos[entry.place].jpg(), record, arrays)


def _pairs(images: list[Row], faces: list[Row]) -> int:
    """How many (target, reference) pairs the photos of either side allow within their side."""
    split = {row["image_id"]: row["split"] for row in images}
    total = 0
    for side in ("train", "heldout"):
        inside = pd.DataFrame([face for face in faces if split[face["image_id"]] == side], columns=list(faces[0]))
        total += sum(len(choices) for choices in reference_choices(inside).values())
    return total
