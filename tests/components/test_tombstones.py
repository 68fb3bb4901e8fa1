"""Tombstones of a photo folder: none where there is no file, and no guess where there is one that cannot be trusted."""

import json
import os
from pathlib import Path

import pytest

from components.tombstones import FORGOTTEN, Tombstones, name_digest
from model.errors import UserError


def test_a_folder_without_the_file_forgets_nobody(tmp_path: Path) -> None:
    assert Tombstones.read(tmp_path) == Tombstones()


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    place = tmp_path / FORGOTTEN
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "unmounted")
    with pytest.raises(UserError, match=r"neither a file nor a link to one.*somebody would be remembered"):
        Tombstones.read(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"name_sha256": name_digest("Ada").upper()},
        {"name_sha256": "Ada"},
        {"centre": [float("nan"), 1.0]},
        {"similarity": float("inf")},
    ],
)
def test_a_tombstone_that_would_match_nobody_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    stone = {"name_sha256": name_digest("Ada"), "photos": [], "since": "2026-01-02"}
    (tmp_path / FORGOTTEN).write_text(json.dumps({"people": [stone]}))
    assert Tombstones.read(tmp_path).named("photo.jpg", "Ada")
    (tmp_path / FORGOTTEN).write_text(json.dumps({"people": [stone | change]}))
    with pytest.raises(UserError, match="somebody would be remembered"):
        Tombstones.read(tmp_path)
