"""Writes the dataset folder: shards, the four tables and the manifest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.curation.config import CurationConfig
from components.curation.items import Reject
from components.curation.labels import Labels
from components.curation.rows import Row, entries, identity_rows
from components.curation.shelves import shelve
from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.dataset.pairs import reference_choices
from model.dataset.records import SCHEMA_VERSION, write_table
from model.dataset.shards import list_shards


def write_dataset(
    folder: Path,
    labels: Labels,
    held: NDArray[np.bool_],
    splits: list[str],
    rejects: Sequence[Reject],
    facts: dict[str, Any],
    config: CurationConfig,
    older: Dataset | None,
) -> dict[str, Any]:
    """Write everything into `folder` and return the counts; `facts` are the manifest's entries about the input.

    `older` is an earlier version with the same pixel settings, whose shards stay as they are where nothing changed.
    """
    images: list[Row] = []
    faces: list[Row] = []
    for entry, shard in shelve(folder, labels, entries(labels, splits), config.photos_per_shard, older):
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


def _pairs(images: list[Row], faces: list[Row]) -> int:
    """How many (target, reference) pairs the photos of either side allow within their side."""
    split = {row["image_id"]: row["split"] for row in images}
    total = 0
    for side in ("train", "heldout"):
        inside = pd.DataFrame([face for face in faces if split[face["image_id"]] == side], columns=list(faces[0]))
        total += sum(len(choices) for choices in reference_choices(inside).values())
    return total
