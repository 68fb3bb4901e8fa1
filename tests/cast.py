"""One virtual cast that tests curate, with photos that they plant; made once and kept in the user's cache."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from components.photos.config import PhotosConfig
from components.photos.step import run
from model.artefacts import cache_folder, digest_of, file_digest, new_folder

CAST = PhotosConfig(people=4, photos=3, group_portraits=3, scenes=36, strangers=0, places=0, blemishes=False)
ROOT = Path(__file__).resolve().parents[1]
MAKERS = ("components/photos/*.py", "components/photos/cast/*", "model/faces/*.py", "model/weights.lock.json")


def cast() -> Path:
    """Its folders `photos` and `truth`, which nobody may change: four people, three photos each, and group photos.

    Of several processes that ask at once, one makes it and the others wait.
    """
    makers = sorted(file for pattern in MAKERS for file in ROOT.glob(pattern) if file.is_file())
    name = digest_of(CAST.model_dump_json(), version("openvino"), *map(file_digest, makers))
    kept = cache_folder("tests") / f"cast-{name}"
    with open(kept.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with new_folder(kept) as draft:
                run(photos=draft / "made", config=CAST)
    return kept / "made"


@contextmanager
def unseen(folder: Path) -> Iterator[None]:
    """A cache in `folder` that knows no photo: what another version of the code found in the same ones is no answer."""
    weights, cache = cache_folder("weights"), folder / "cache"
    cache.mkdir()
    (cache / "weights").symlink_to(weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WITHANYONE_CACHE", str(cache))
        yield
