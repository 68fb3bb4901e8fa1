"""Where a release keeps what: its parts, and what each part's samples are for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from model.errors import UserError

CENTRES = "ref/cluster_centers.tar"
REFERENCES, RECONSTRUCTION, PAIRED = "ref/tars", "train_rec", "train_cp"
MEMBERS = ("jpg", "json", "npy")
LICENCE = "MultiID-2M 1.0 (non-commercial research only)"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, order=True)
class Part:
    """A tar, or a folder of untarred reference photos of the person it is named after; `folder` is where photos go."""

    folder: str
    path: Path
    reference: bool


def plain_name(text: str) -> str:
    """`text` where it is a harmless file name, else a name derived from it."""
    return text if PLAIN_NAME.fullmatch(text) else sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def parts_of(release: Path) -> list[Part]:
    """The parts of a release in their order; raises `UserError` when there is none."""
    found = sorted(_parts(release))
    if not found:
        raise UserError(
            f"the folder {release} is no release of MultiID-2M: it has no tar in {REFERENCES}, {RECONSTRUCTION} or "
            f"{PAIRED}, and no folder of references in ref"
        )
    return found


def _parts(release: Path) -> Iterator[Part]:
    for place in (REFERENCES, RECONSTRUCTION, PAIRED):
        for path in (release / place).glob("*.tar"):
            if path.is_file():
                yield Part(f"{place.split('/')[0]}/{plain_name(path.stem)}", path, place == REFERENCES)
    for place in ("ref", REFERENCES):
        for path in (release / place).glob("*"):
            if path.is_dir() and path != release / REFERENCES:
                yield Part(f"{place.replace('/', '_')}_untarred/{plain_name(path.name)}", path, True)
