"""Where a release keeps what: its parts, and what each part's samples are for."""

import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from components.curation.items import Reject
from components.listing import plain_name, shown
from model.errors import UserError

CENTRES = "ref/cluster_centers.tar"
REFERENCES, RECONSTRUCTION, PAIRED = "ref/tars", "train_rec", "train_cp"
PLACES = ("ref", REFERENCES, RECONSTRUCTION, PAIRED)
MEMBERS = ("jpg", "json", "npy")
LICENCE = "MultiID-2M 1.0 (non-commercial research only)"


@dataclass(frozen=True, order=True)
class Part:
    """A tar, or a folder of untarred reference photos of the person it is named after; `folder` is where photos go."""

    folder: str
    path: Path
    reference: bool


def parts_of(release: Path) -> tuple[list[Part], list[Reject]]:
    """The parts of a release in their order, and what is refused of it; raises `UserError` when there is no part."""
    parts: list[Part] = []
    rejects: list[Reject] = []
    for place in PLACES:
        try:
            paths = sorted((release / place).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            detail = f"the folder cannot be listed: {error.strerror}"
            rejects.append(Reject(place, "source", "unreadable", detail))
            continue
        for path in paths:
            if path not in (release / REFERENCES, release / CENTRES):
                found = _part(place, path)
                if isinstance(found, Part):
                    parts.append(found)
                else:
                    rejects.append(Reject(f"{place}/{shown(path.name)}", "source", *found))
    if not parts:
        counts = Counter(reject.reason for reject in rejects)
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(counts.items())) or "nothing is there"
        raise UserError(
            f"the folder {release} is no release of MultiID-2M: it has no tar in {REFERENCES}, {RECONSTRUCTION} or "
            f"{PAIRED}, and no folder of references in ref ({reasons})"
        )
    return sorted(parts), rejects


def _part(place: str, path: Path) -> Part | tuple[str, str]:
    """What lies at `path` in `place` as a part, or the reason why it is none and a sentence."""
    try:
        kind = path.stat().st_mode if path.exists() else 0
    except OSError as error:  # such as in a folder that may be listed but not entered
        return "unreadable", f"it cannot be looked at: {error.strerror}"
    tars = place != "ref"
    if shown(path.name) != path.name:
        return "encoding", "the name is not valid UTF-8: rename it"
    if path.name.startswith("."):
        return "hidden", "names that begin with a dot are left alone"
    if path.suffix == ".tar" and not stat.S_ISREG(kind):
        return "not_a_file", "it is called .tar and is no file"
    if tars and path.suffix == ".tar":
        return Part(f"{place.split('/')[0]}/{plain_name(path.stem)}", path, place == REFERENCES)
    if stat.S_ISDIR(kind) and place in ("ref", REFERENCES):
        return Part(f"{place.replace('/', '_')}_untarred/{plain_name(path.name)}", path, True)
    return "not_a_part", f"it is no {'file called .tar' if tars else 'folder of references'}"
