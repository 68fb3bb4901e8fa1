"""Where cached features lie and who computes them, free of heavy imports: the forgotten leave there, too."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from model.artefacts import digest_of, read_json

FEATURES = "features"  # folder in the user's cache


class Share(NamedTuple):
    """Which of the batches a process computes: every `of`-th from the `rank`-th on, present or not."""

    rank: int = 0
    of: int = 1

    def missing(self, batches: Sequence[Sequence[Path]]) -> list[int]:
        """The numbers of those of its batches of which a file is not there."""
        own = range(self.rank, len(batches), self.of)
        return [number for number in own if not all(file.is_file() for file in batches[number])]


ALL = Share()


def feature_file(store: Path, image_id: str, digest: str) -> Path:
    """The file of a photo's features, in one of 256 folders: a folder of a million files is slow."""
    return _folder(store, image_id) / f"{image_id}-{digest}.safetensors"


def shard_file(store: Path, *parts: object) -> Path:
    """The file of what is known of a shard's photos by their keys, named by `parts`."""
    return store / "shards" / f"{digest_of(*parts)}.json"


def forget_features(image_ids: Iterable[str], store: Path) -> int:
    """Delete all features of these photos, and what is known of their shards; returns how many files there were."""
    gone = set(image_ids)
    files = [file for image_id in gone for file in _folder(store, image_id).glob(f"{image_id}-*.safetensors")]
    files += [file for file in (store / "shards").glob("*.json") if gone & read_json(file).keys()]
    for file in files:
        file.unlink()
    return len(files)


def _folder(store: Path, image_id: str) -> Path:
    return store / "pictures" / image_id[:2]
