"""A git and DVC repository with versions of a small dataset, made with the real writers."""

import hashlib
import io
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from PIL import Image

from model.artefacts import write_json
from model.dataset.records import write_table
from model.dataset.rights import OF_PERSON, RIGHTS
from model.dataset.shards import Sample, list_shards, write_shards

PER_SHARD = 2
NAME = "data/dataset"


class TrackedDataset:
    """A repository in `root` with a local remote beside it, whose dataset changes from commit to commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / NAME
        self.remote = root.with_name("remote")
        root.mkdir()
        for arguments in (("init", "-q"), ("config", "user.name", "Ada [red] Grün"), ("config", "user.email", "a@b.c")):
            self.git(*arguments)
        with Repo.init(str(root)) as repo, repo.config.edit() as config:
            config["core"].update(analytics=False, remote="local")
            config["remote"] = {"local": {"url": str(self.remote)}}

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, people: Mapping[str, int], rejects: Mapping[str, int] | None = None, **settings: Any) -> None:
        """Write the dataset of `people` with so many photos each."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_dataset(self.folder, people, rejects or {}, settings)

    def add(self) -> None:
        with Repo(str(self.root)) as repo:
            repo.add(str(self.folder))

    def commit(self, subject: str) -> str:
        """Commit everything; returns the revision."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def push(self) -> int:
        with Repo(str(self.root)) as repo:
            return int(repo.push())

    def objects(self, remote: bool = False) -> set[str]:
        """The objects in the cache or in the remote, by their place in it."""
        folder = (self.remote if remote else self.root / ".dvc" / "cache") / "files"
        return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def write_dataset(
    folder: Path, people: Mapping[str, int], rejects: Mapping[str, int], settings: dict[str, Any]
) -> None:
    """Shards hold `PER_SHARD` photos, sorted by person."""
    names = {_id(f"{person}{number}"): person for person, photos in people.items() for number in range(photos)}
    samples = [Sample(name, _picture(name), {"image_id": name}, {}) for name in names]
    images = [_image(sample.key, shard) for sample, shard in write_shards(folder, "references", samples, PER_SHARD)]
    identities = [
        {"identity": person, "references": photos, "targets": 0, "centre": [1.0], "spread": 1.0, "split": "train"}
        | {name: [""] for name in OF_PERSON}
        for person, photos in people.items()
    ]
    for table, rows in (("images", images), ("faces", []), ("identities", identities), ("rejects", [])):
        write_table(folder, table, rows)
    counts = {"photos": len(images) + sum(rejects.values()), "images": len(images), "faces": len(images)}
    counts |= {"identities": len(people), "heldout_identities": 0, "pairs": 0}
    shards = [{"name": shard.name, "sha256": shard.sha256, "samples": shard.samples} for shard in list_shards(folder)]
    manifest = {"schema": 2, "settings": settings, "counts": counts | {"rejects": dict(rejects)}, "shards": shards}
    write_json(folder / "manifest.json", manifest)


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _picture(name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), tuple(bytes.fromhex(name[:6]))).save(buffer, "JPEG")
    return buffer.getvalue()


def _image(image_id: str, shard: str) -> dict[str, Any]:
    words = dict.fromkeys(("caption", "query", *RIGHTS), "")
    sizes = {
        "width": 8,
        "height": 8,
        "faces": 1,
        "known": 1,
        "sharpness": 1.0,
        "exposure": 0.5,
        "tags": [],
        "aesthetic": None,
    }
    names = {"image_id": image_id, "path": f"{image_id}.jpg", "shard": shard, "key": image_id}
    return words | sizes | names | {"kind": "single", "split": "train"}
