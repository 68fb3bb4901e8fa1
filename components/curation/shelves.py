"""Which photo lies in which shard: new photos go into new shards, and shards in which nothing changed stay as they are.

A shard says of its photos only what seldom changes: not the split, nor how similar a face is to its person's centre,
which every further photo of the person moves. Those are in the tables.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.curation.found import Found
from components.curation.places import Places, column
from components.curation.rows import Entry, Shelf
from components.files import ID_DIGITS
from model.artefacts import link_file
from model.dataset.dataset import Dataset
from model.dataset.records import read_table
from model.dataset.rights import RIGHTS
from model.dataset.shards import Arrays, Sample, ShardReader, pack_arrays, pack_facts, shard_number, write_shards
from model.progress import track

PARTS = {"images": False, "references": True}  # whether its photos show one person alone
OF_PHOTO = ("image_id", "path", "width", "height", "caption", "query", *RIGHTS)
OF_FACE = ("face_id", "identity", "role", "score")


def shelve(folder: Path, shelf: Shelf, found: Found, per_shard: int, older: Dataset | None) -> Iterator[Entry]:
    """Write the shards of the photos in the shelf's order; yields each photo with its shard in its row.

    A photo that `older` has stays in the shard it is in there; the others follow in new shards, `per_shard` in each.
    """
    with ShardReader(older.folder if older else folder) as reader:
        for part, alone in PARTS.items():
            inside = shelf.order[(found.counts == 1)[shelf.order] == alone]
            writing = _Writing(folder, part, shelf, found, reader)
            yield from track(writing.all(inside, per_shard, _shards(older, part)), part, len(inside), unit="photo")


def _shards(older: Dataset | None, part: str) -> list[str]:
    names = [] if older is None else sorted(pc.unique(read_table(older.folder, "images")["shard"]).to_pylist())
    return [name for name in names if name.startswith(f"{part}/")]


@dataclass(frozen=True)
class _Writing:
    """Writes the shards of one part; `reader` reads those of the older version."""

    folder: Path
    part: str
    shelf: Shelf
    found: Found
    reader: ShardReader

    def all(self, inside: NDArray[np.intp], per_shard: int, shards: list[str]) -> Iterator[Entry]:
        """The photos at the places `inside`: first the shards that were there, then new ones."""
        (self.folder / self.part).mkdir(parents=True, exist_ok=True)
        new = np.ones(len(inside), np.bool_)
        known = Places((f"{number:0{ID_DIGITS}x}" for number in self.found.ids[inside]) if shards else ())
        for shard in shards:
            keys = self.reader.keys(shard)
            found = known.of(column(keys))
            found = found[found >= 0]
            found = found[new[found]]
            new[found] = False
            entries = list(self.shelf.entries(inside[found]))
            if len(entries) == len(keys) and all(self._unchanged(shard, entry) for entry in entries):
                link_file(self.reader.path(shard), self.folder / shard)
                for entry in entries:
                    yield _placed(entry, shard)
            else:
                yield from self._write(entries, len(entries), shard_number(shard), shard)
            self.reader.close()  # it would remember where everything in it lies
        number = max((shard_number(name) + 1 for name in shards), default=0)
        yield from self._write(self.shelf.entries(inside[new]), per_shard, number)

    def _write(self, entries: Iterable[Entry], per_shard: int, first: int, older: str | None = None) -> Iterator[Entry]:
        written, placed = tee(entries)  # they are made once, one at a time
        samples = (self._sample(entry, older) for entry in written)
        for entry, (_, shard) in zip(
            placed, write_shards(self.folder, self.part, samples, per_shard, first), strict=True
        ):
            yield _placed(entry, shard)

    def _unchanged(self, shard: str, entry: Entry) -> bool:
        """Whether the older shard says the same of the photo; then its picture is the same: size and boxes agree."""
        there = tuple(self.reader.member(shard, entry.image["key"], suffix) for suffix in ("json", "npz"))
        return there == pack_facts(*_facts(entry))

    def _sample(self, entry: Entry, older: str | None) -> Sample:
        key = entry.image["key"]
        same = older is not None and self._same_picture(older, entry)
        jpg = self.reader.member(older, key, "jpg") if older and same else entry.photo.jpg()
        return Sample(key, jpg, *_facts(entry))

    def _same_picture(self, shard: str, entry: Entry) -> bool:
        """Whether the older shard's picture has this size, and faces in these places: another crop has not."""
        record, arrays = _facts(entry)
        there = self.reader.read(shard, entry.image["key"])
        sizes = [(facts["width"], facts["height"]) for facts in (record, there.record)]
        return sizes[0] == sizes[1] and pack_arrays(arrays) == pack_arrays(there.arrays)


def _placed(entry: Entry, shard: str) -> Entry:
    return replace(entry, image=entry.image | {"shard": shard})


def _facts(entry: Entry) -> tuple[dict[str, Any], Arrays]:
    record = {name: entry.image[name] for name in OF_PHOTO}
    record["people"] = [{name: face[name] for name in OF_FACE} for face in entry.faces]
    arrays = {
        "boxes": np.array([face["box"] for face in entry.faces], np.float32),
        "landmarks": np.array([face["landmarks"] for face in entry.faces], np.float32).reshape(-1, 5, 2),
        "embeddings": np.array([face["embedding"] for face in entry.faces], np.float32),
    }
    return record, arrays
