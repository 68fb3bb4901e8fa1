"""What one version of a dataset holds, and what changed between two: from the manifest and two small table columns."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
COLUMNS = {"images.parquet": "image_id", "identities.parquet": "identity"}
FILES = (MANIFEST, *COLUMNS)  # all that is read of a version: never its shards


@dataclass(frozen=True)
class Contents:
    """A version of a dataset, as far as versions are compared."""

    counts: dict[str, Any]  # as in the manifest
    settings: dict[str, Any]  # of curation
    shards: dict[str, str]  # name by SHA-256
    photos: frozenset[str]
    people: frozenset[str]


def read_contents(files: Mapping[str, Path]) -> Contents:
    """Read a version whose `FILES` lie at `files`.

    Raises `FileNotFoundError` where one is missing and `ValueError` where one is not what curation writes.
    """
    manifest = _manifest(files[MANIFEST])
    photos, people = (_column(files[name], column) for name, column in COLUMNS.items())
    try:
        shards = {str(shard["sha256"]): str(shard["name"]) for shard in manifest["shards"]}
        counts, settings = dict(manifest["counts"]), dict(manifest["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{MANIFEST} has no proper counts, settings and shards") from error
    return Contents(counts, settings, shards, photos, people)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict):
        raise ValueError(f"{MANIFEST} is not an object")
    return manifest


def _column(path: Path, column: str) -> frozenset[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return frozenset(map(str, pq.read_table(path, columns=[column])[column].to_pylist()))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ValueError(f"the table with {column} cannot be read") from error


def changes(old: Contents, new: Contents) -> dict[str, Any]:
    """What `new` has and `old` had not, and the other way round, as plain JSON with everything sorted."""
    return {
        "shards": {
            "new": _only_in(new.shards, old.shards),
            "kept": len(new.shards.keys() & old.shards.keys()),
            "gone": _only_in(old.shards, new.shards),
        },
        "people": {"added": sorted(new.people - old.people), "removed": sorted(old.people - new.people)},
        "photos": {"added": len(new.photos - old.photos), "removed": len(old.photos - new.photos)},
        "rejects": _rejects(old, new),
        "settings": _settings(old.settings, new.settings),
    }


def _only_in(these: Mapping[str, str], those: Mapping[str, str]) -> list[str]:
    """Names of the shards whose digest `those` do not have."""
    return sorted(name for digest, name in these.items() if digest not in those)


def _rejects(old: Contents, new: Contents) -> dict[str, int]:
    """By how much the number of rejects of each reason differs, where it does."""
    before, after = (contents.counts.get("rejects") or {} for contents in (old, new))
    differences = {reason: after.get(reason, 0) - before.get(reason, 0) for reason in sorted(before | after)}
    return {reason: number for reason, number in differences.items() if number}


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """[before, after] of every setting that differs; one that a version did not have yet is null in it."""
    names = sorted(old.keys() | new.keys())
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}
