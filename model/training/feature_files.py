"""Where the cached features of a photo lie, free of heavy imports: a person who is forgotten leaves there, too."""

from collections.abc import Iterable
from pathlib import Path

FEATURES = "features"  # folder in the user's cache


def feature_file(store: Path, image_id: str, digest: str) -> Path:
    """The file of a photo's features, in one of 256 folders: a folder of a million files is slow."""
    return _folder(store, image_id) / f"{image_id}-{digest}.safetensors"


def forget_features(image_ids: Iterable[str], store: Path) -> int:
    """Delete all features of these photos; returns how many files there were."""
    files = [file for image_id in image_ids for file in _folder(store, image_id).glob(f"{image_id}-*.safetensors")]
    for file in files:
        file.unlink()
    return len(files)


def _folder(store: Path, image_id: str) -> Path:
    return store / "pictures" / image_id[:2]
