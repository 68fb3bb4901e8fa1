"""A release of MultiID-2M becomes a photo folder with `photos.csv`, the truth of the release's labels, and rejects.

Each tar is one piece of work whose result is kept beside the final folder: a killed import goes on with the next tar.
"""

import csv
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.curation.items import Reject
from components.curation.multiid.layout import Part, parts_of, plain_name
from components.curation.multiid.record import Labelled, RefusedSampleError, read_record
from components.curation.multiid.samples import Packed, samples_of
from components.curation.sources.listing import COLUMNS, LISTING
from components.files import write_files
from components.listing import shown
from model.artefacts import kept_folder, read_json, write_json
from model.dataset.records import write_table
from model.errors import UserError
from model.progress import track

NOTES = "parts"  # the finished parts of an import that is not finished


def import_release(release: Path, out: Path) -> dict[str, int]:
    """Write the photo folder `out`, which must not be there yet, and return how many photos and rejects there are.

    Photos of `ref` carry their person; those of `train_rec` and `train_cp` are nameless, and what the release says of
    them stands in `truth.json`. UserError where `release` is none or nothing in it can be used.
    """
    parts, refused = parts_of(release)
    if out.exists():
        raise UserError(f"the folder {out} is there already: give the name of a new folder")
    with kept_folder(out) as draft:
        _forget_others(draft, parts)
        for part in track(parts, "parts of the release", unit="part"):
            _import_part(part, release, draft)
        counts = _join(draft, parts, refused)
        if not counts["photos"]:
            reasons = ", ".join(f"{number} {reason}" for reason, number in counts.items() if reason != "photos")
            raise UserError(f"nothing in the release {release} can be used ({reasons}): fetch it again")
        write_json(draft / "photos.json", _about(draft))
    return counts


def _about(draft: Path) -> dict[str, Any]:
    return {"schema": 1, "folder": ".", "source": "multiid", "digest": write_files(draft, draft)}


def _forget_others(draft: Path, parts: list[Part]) -> None:
    """Remove what an unfinished import of other parts left."""
    wanted = {draft / part.folder for part in parts}
    for folder in draft.glob("*/*"):
        if folder.is_dir() and folder not in wanted:
            shutil.rmtree(folder)


def _note(draft: Path, part: Part) -> Path:
    return draft / NOTES / f"{part.folder.replace('/', '.')}.json"


def _import_part(part: Part, release: Path, draft: Path) -> None:
    """Write a part's photos and then its note, unless a note says that this very part was done."""
    state = part.path.stat()
    stamp = [shown(str(part.path)), state.st_size, state.st_mtime_ns]
    note = _note(draft, part)
    if note.is_file() and read_json(note)["stamp"] == stamp:
        return
    shutil.rmtree(draft / part.folder, ignore_errors=True)
    (draft / part.folder).mkdir(parents=True)
    name = part.path.relative_to(release).as_posix()
    photos, rejects = [], []
    for sample in samples_of(part, name):
        if isinstance(sample, Packed):
            try:
                labelled = read_record(sample, _identity(part, sample.key))
            except RefusedSampleError as refusal:
                rejects.append(Reject(f"{name}:{sample.key}", "source", refusal.reason, str(refusal)))
                continue
            photos.append(_keep(draft, part, sample, labelled))
        else:
            rejects.append(sample)
    write_json(note, {"stamp": stamp, "photos": photos, "rejects": [asdict(reject) for reject in rejects]})


def _identity(part: Part, key: str) -> str | None:
    """The person of a reference photo: the folder that it lies in, else its tar."""
    if not part.reference:
        return None
    return key.split("/")[-2] if "/" in key else part.path.stem


def _keep(draft: Path, part: Part, sample: Packed, labelled: Labelled) -> dict[str, Any]:
    """Write a photo; what photos.csv and truth.json will say of it."""
    path = f"{part.folder}/{plain_name(sample.key)}.jpg"
    (draft / path).write_bytes(sample.jpg)
    person = labelled.people[0] if part.reference and labelled.people else None
    row = dict(
        zip(
            COLUMNS,
            (path, person or "", labelled.url, labelled.licence, labelled.consent, labelled.query, labelled.caption),
            strict=True,
        )
    )
    faces = [{"person": person, "box": box} for person, box in zip(labelled.people, labelled.boxes, strict=True)]
    truth = {"path": path, "key": sample.key, "size": labelled.size, "faces": faces}
    return {"row": row, "truth": truth, "digest": hashlib.sha256(sample.jpg).hexdigest()[:32]}


def _join(draft: Path, parts: list[Part], refused: list[Reject]) -> dict[str, int]:
    """Write the three tables from the parts' notes; a photo that an earlier part holds too is kept once."""
    counts: Counter[str] = Counter()
    rejects = [asdict(reject) for reject in refused]
    with (
        open(draft / LISTING, "w", newline="", encoding="utf-8") as listing,
        open(draft / "truth.json", "w", encoding="utf-8") as truth,
    ):
        writer = csv.DictWriter(listing, COLUMNS)
        writer.writeheader()
        truth.write('{"schema": 1, "photos": [')
        for photo in _once(draft, parts, rejects):
            writer.writerow(photo["row"])
            truth.write(("," if counts["photos"] else "") + "\n" + json.dumps(photo["truth"], ensure_ascii=False))
            counts["photos"] += 1
        truth.write("\n]}\n")
    write_table(draft, "rejects", rejects)
    shutil.rmtree(draft / NOTES)
    for reject in rejects:
        counts[reject["reason"]] += 1
    return {"photos": counts.pop("photos", 0), **dict(sorted(counts.items()))}


def _once(draft: Path, parts: list[Part], rejects: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """The photos of all parts, each content once; `rejects` gets the copies and what the parts refused."""
    first: dict[str, str] = {}
    for part in parts:
        note = read_json(_note(draft, part))
        rejects += note["rejects"]
        for photo in note["photos"]:
            path = photo["row"]["path"]
            original = first.setdefault(photo["digest"], path)
            if original == path:
                yield photo
            else:
                (draft / path).unlink(missing_ok=True)
                rejects.append(asdict(Reject(path, "source", "duplicate", f"it has the same bytes as {original}")))
