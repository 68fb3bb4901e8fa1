"""The digests of photos, by which features are kept: taken once of a shard, and again when its file changes.

A shard that was read once is known by the digest that the manifest states, which it had, and by its file's size and
time. So a training whose features are all there reads no photo, and one whose photos were exchanged finds out.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from model.artefacts import file_digest, read_json, write_json
from model.dataset.dataset import Dataset
from model.dataset.shards import ShardReader
from model.errors import UserError
from model.progress import track
from model.training.feature_files import ALL, Share, shard_file


def photo_digests(dataset: Dataset, image_ids: Iterable[str], store: Path) -> dict[str, str]:
    """SHA-256 in hex of the stored file of each photo; the shards that `store` does not know yet are read."""
    wanted = sorted(set(image_ids))
    records = read_shards(dataset, wanted, store)
    found: dict[str, str] = {}
    for shard, keys in dataset.images.loc[wanted, "key"].groupby(dataset.images["shard"]):
        digests = read_json(records[str(shard)], *keys)
        found |= {str(image_id): digests[key] for image_id, key in keys.items()}
    return found


def read_shards(dataset: Dataset, image_ids: Iterable[str], store: Path, share: Share = ALL) -> dict[str, Path]:
    """The file in `store` for each shard of the photos; what it lacks of this process's `share` is put there.

    Raises UserError for a shard that is not the one the manifest names.
    """
    stated = {str(shard["name"]): str(shard["sha256"]) for shard in dataset.manifest["shards"]}
    names = sorted(set(dataset.images.loc[list(image_ids), "shard"]))
    records = [_record(dataset.folder, name, stated, store) for name in names]
    for number in track(share.missing([[record] for record in records]), "reading photos", unit="shards"):
        write_json(records[number], _digests(dataset.folder, names[number], stated))
    return dict(zip(names, records, strict=True))


def _record(folder: Path, name: str, stated: Mapping[str, str], store: Path) -> Path:
    try:
        file = (folder / name).stat()
    except OSError as error:
        raise UserError(f"the shard {folder / name} is not there ({error.strerror}): curate the photos again") from None
    return shard_file(store, stated.get(name), file.st_size, file.st_mtime_ns)


def _digests(folder: Path, name: str, stated: Mapping[str, str]) -> dict[str, str]:
    """The digest of each photo of a shard by its key."""
    if file_digest(folder / name) != stated.get(name):
        raise UserError(
            f"the shard {folder / name} is not the one that {folder / 'manifest.json'} names, its photos were changed: "
            "curate the photos again"
        )
    with ShardReader(folder) as reader:  # one a shard: a reader keeps the index of all that it has read
        return {key: hashlib.sha256(reader.member(name, key, "jpg")).hexdigest() for key in reader.keys(name)}
