"""Which photo lies in which shard: new photos go into new shards, and shards in which nothing changed stay as they are.

A shard says of its photos only what seldom changes: not the split, nor how similar a face is to its person's centre,
which every further photo of the person moves. Those are in the tables.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.curation.labels import Labels
from components.curation.rows import Entry
from model.artefacts import link_file
from model.dataset.dataset import Dataset
from model.dataset.shards import Arrays, Sample, ShardReader, pack_facts, shard_name, shard_number, write_shards
from model.progress import track

PARTS = {"images": "group", "references": "single"}
OF_PHOTO = ("image_id", "path", "width", "height", "caption", "query", "source", "licence", "consent")
OF_FACE = ("face_id", "identity", "role", "score")


def shelve(
    folder: Path, labels: Labels, shelf: Sequence[Entry], per_shard: int, older: Dataset | None
) -> Iterator[tuple[Entry, str]]:
    """Write the shards of the photos `shelf`, in its order; yields each photo with the shard it is in.

    A photo that `older` has stays in the shard it is in there; the others follow in new shards, `per_shard` in each.
    """
    with ShardReader(older.folder if older else folder) as reader:
        for part, kind in PARTS.items():
            inside = [entry for entry in shelf if entry.image["kind"] == kind]
            placed = _shelve(folder, labels, part, inside, per_shard, reader, _shards(older, part))
            yield from track(placed, part, len(inside), unit="photo")


def _shards(older: Dataset | None, part: str) -> list[str]:
    names = [] if older is None else sorted(set(older.images["shard"]))
    return [name for name in names if name.startswith(f"{part}/")]


def _shelve(
    folder: Path,
    labels: Labels,
    part: str,
    inside: list[Entry],
    per_shard: int,
    reader: ShardReader,
    shards: list[str],
) -> Iterator[tuple[Entry, str]]:
    (folder / part).mkdir(parents=True, exist_ok=True)
    new = {entry.image["key"]: entry for entry in inside}
    for shard in shards:
        keys = reader.keys(shard)
        staying = [new.pop(key) for key in keys if key in new]
        number = shard_number(shard)
        if len(staying) == len(keys) and all(_unchanged(reader, shard, entry) for entry in staying):
            link_file(reader.path(shard), folder / shard_name(part, number))
        elif staying:
            samples = (_sample(labels, entry, reader, shard) for entry in staying)
            list(write_shards(folder, part, samples, len(staying), number))
        yield from ((entry, shard) for entry in staying)
    first = max((shard_number(shard) + 1 for shard in shards), default=0)
    samples = (_sample(labels, entry) for entry in new.values())
    written = write_shards(folder, part, samples, per_shard, first)
    yield from ((entry, shard) for entry, (_, shard) in zip(new.values(), written, strict=True))


def _unchanged(reader: ShardReader, shard: str, entry: Entry) -> bool:
    """Whether the older shard says the same of the photo. Then its picture is the same too: size and boxes agree."""
    there = tuple(reader.member(shard, entry.image["key"], suffix) for suffix in ("json", "npz"))
    return there == pack_facts(*_facts(entry))


def _sample(labels: Labels, entry: Entry, reader: ShardReader | None = None, shard: str = "") -> Sample:
    key = entry.image["key"]
    if reader is not None and reader.member(shard, key, "npz") == pack_facts(*_facts(entry))[1]:
        jpg = reader.member(shard, key, "jpg")
    else:
        jpg = labels.found.photos[entry.place].jpg()
    return Sample(key, jpg, *_facts(entry))


def _facts(entry: Entry) -> tuple[dict[str, Any], Arrays]:
    record = {name: entry.image[name] for name in OF_PHOTO}
    record["people"] = [{name: face[name] for name in OF_FACE} for face in entry.faces]
    arrays = {
        "boxes": np.array([face["box"] for face in entry.faces], np.float32),
        "landmarks": np.array([face["landmarks"] for face in entry.faces], np.float32).reshape(-1, 5, 2),
        "embeddings": np.array([face["embedding"] for face in entry.faces], np.float32),
    }
    return record, arrays
