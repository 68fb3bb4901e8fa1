"""Writes the dataset folder: shards, the four tables and the manifest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.curation.captions import Captions
from components.curation.config import CurationConfig
from components.curation.items import Reject
from components.curation.labels import Labels, count_pairs
from components.curation.rows import Shelf, identity_rows
from components.curation.shelves import shelve
from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.dataset.records import SCHEMA_VERSION, TableWriter, write_table
from model.dataset.rights import OF_PERSON
from model.dataset.shards import list_shards

ELSEWHERE = {"device", "shards", "previous"}  # settings that say where and how the work is done, not what comes out


def write_dataset(
    folder: Path,
    labels: Labels,
    held: NDArray[np.bool_],
    splits: list[str],
    captions: Captions,
    rejects: Sequence[Reject],
    facts: dict[str, Any],
    config: CurationConfig,
    older: Dataset | None,
) -> dict[str, Any]:
    """Write everything into `folder` and return the counts; `facts` are the manifest's entries about the input.

    `older` is an earlier version with the same pixel settings, whose shards stay as they are where nothing changed.
    """
    shelf = Shelf(labels, splits, captions)
    licences: set[str] = set()
    with TableWriter(folder, "images") as images, TableWriter(folder, "faces") as faces:
        for entry in shelve(folder, shelf, labels.found, config.photos_per_shard, older):
            images.add([entry.image])
            faces.add(entry.faces)
            licences.add(entry.image["licence"])
    with TableWriter(folder, "identities") as people:
        rows = pq.read_table(folder / "faces.parquet", columns=["identity", *OF_PERSON.values()])
        people.add(identity_rows(labels, held, rows))
    write_table(folder, "rejects", (asdict(reject) for reject in sorted(rejects)))
    counts = {
        "images": images.rows,
        "faces": faces.rows,
        "identities": people.rows,
        "heldout_identities": int(held.sum()),
        "pairs": count_pairs(labels, splits),
        "rejects": dict(sorted(Counter(reject.reason for reject in rejects).items())),
    }
    manifest = {
        "schema": SCHEMA_VERSION,
        **facts,
        "settings": config.model_dump(exclude=ELSEWHERE),
        "counts": facts["counts"] | counts,
        "shards": [asdict(shard) for shard in list_shards(folder)],
        "licences": sorted(licences - {""}),
    }
    write_json(folder / "manifest.json", manifest)
    return dict(manifest["counts"])
