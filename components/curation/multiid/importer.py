"""A release of MultiID-2M becomes a photo folder with `photos.csv`, the truth of the release's labels, and rejects.

Each tar is one piece of work whose result is kept beside the final folder: a killed import goes on with the next tar.
"""

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from components.curation.items import Reject
from components.curation.multiid.layout import Part, parts_of
from components.curation.multiid.record import Labelled, RefusedSampleError, read_record
from components.curation.multiid.samples import Packed, samples_of
from components.curation.places import Places
from components.files import ABOUT, write_files
from components.files import NAME as FILES
from components.listing import LISTED, LISTING, plain_name
from model.artefacts import digest_of, kept_folder, new_file, write_json
from model.dataset.records import TableWriter
from model.errors import UserError
from model.progress import track

NOTES = ".parts"  # the finished parts of an import that is not finished; hidden, so that they are no files of it


def import_release(release: Path, out: Path) -> dict[str, int]:
    """Write the photo folder `out`, which must not be there yet, and return how many photos and rejects there are.

    Photos of `ref` carry their person; those of `train_rec` and `train_cp` are nameless, and what the release says of
    them stands in `truth.json`. UserError where `release` is none or nothing in it can be used.
    """
    parts, refused = parts_of(release)
    if os.path.lexists(out):
        raise UserError(f"the folder {out} is there already: give the name of a new folder")
    with kept_folder(out) as draft:
        _forget_others(draft, parts)
        for part in track(parts, "parts of the release", unit="part"):
            _import_part(part, release, draft)
        counts = _join(draft, parts, refused)
        if not counts["photos"]:
            reasons = ", ".join(f"{number} {reason}" for reason, number in counts.items() if reason != "photos")
            raise UserError(f"nothing in the release {release} can be used ({reasons}): fetch it again")
        about = {"schema": 1, "folder": ".", "source": "multiid", "digest": write_files(draft, draft)}
        write_json(draft / ABOUT, about)
    shutil.rmtree(out / NOTES)  # at the very end: to list the files of a large release takes hours
    return counts


def _forget_others(draft: Path, parts: list[Part]) -> None:
    """Remove what an unfinished import of other parts left, and the list of what it held."""
    for name in (FILES, ABOUT):
        (draft / name).unlink(missing_ok=True)
    wanted = {draft / part.folder for part in parts}
    for folder in draft.glob("*/*"):
        if folder.is_dir() and folder not in wanted:
            shutil.rmtree(folder)


def _note(draft: Path, part: Part) -> Path:
    return draft / NOTES / f"{part.folder.replace('/', '.')}.jsonl"


def _noted(note: Path) -> Iterator[dict[str, Any]]:
    """What a note says, line by line: the stamp of its part, then a photo or a reject each."""
    with open(note, encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _stamp(path: Path) -> str:
    """What changes when a tar, or a file in a folder, does."""
    with suppress(OSError):  # a folder that may not be listed
        files = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
        states = [file.stat() if file.exists() else file.lstat() for file in files]
        facts = (
            (os.fsencode(file), state.st_size, state.st_mtime_ns) for file, state in zip(files, states, strict=True)
        )
        return digest_of(*facts)
    return digest_of(os.fsencode(path))


def _import_part(part: Part, release: Path, draft: Path) -> None:
    """Write a part's photos and then its note, unless a note says that this very part was done."""
    stamp = _stamp(part.path)
    note = _note(draft, part)
    if note.is_file() and next(_noted(note))["stamp"] == stamp:
        return
    shutil.rmtree(draft / part.folder, ignore_errors=True)
    (draft / part.folder).mkdir(parents=True)
    name = part.path.relative_to(release).as_posix()
    with new_file(note) as path, open(path, "w", encoding="utf-8") as lines:
        lines.write(json.dumps({"stamp": stamp}) + "\n")
        lines.writelines(json.dumps(_taken(draft, part, name, sample)) + "\n" for sample in samples_of(part, name))
        os.sync()  # the photos before the note: after a power cut nobody would look whether they are whole


def _taken(draft: Path, part: Part, name: str, sample: Packed | Reject) -> dict[str, Any]:
    """Keep the photo of a sample, or say why not; a line of the part's note."""
    if isinstance(sample, Reject):
        return {"reject": asdict(sample)}
    try:
        return {"photo": _keep(draft, part, sample, read_record(sample, _identity(part, sample.key)))}
    except RefusedSampleError as refusal:
        return {"reject": asdict(Reject(f"{name}:{sample.key}", "source", refusal.reason, str(refusal)))}


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
    said = labelled.url, labelled.licence, labelled.consent, labelled.query, labelled.caption
    row = dict(zip(LISTED, (path, person or "", *said), strict=True))
    faces = [{"person": person, "box": box} for person, box in zip(labelled.people, labelled.boxes, strict=True)]
    truth = {"path": path, "key": sample.key, "size": labelled.size, "faces": faces}
    return {"row": row, "truth": truth, "digest": hashlib.sha256(sample.jpg).hexdigest()[:32]}


def _join(draft: Path, parts: list[Part], refused: list[Reject]) -> dict[str, int]:
    """Write the three tables from the parts' notes; a photo that an earlier part holds too is kept once."""
    counts = Counter(reject.reason for reject in refused)
    with (
        open(draft / LISTING, "w", newline="", encoding="utf-8") as listing,
        open(draft / "truth.json", "w", encoding="utf-8") as truth,
        TableWriter(draft, "rejects") as rejects,
    ):
        writer = csv.DictWriter(listing, LISTED)
        writer.writeheader()
        truth.write('{"schema": 1, "photos": [')
        rejects.add(map(asdict, refused))
        for said in _once(draft, parts):
            if photo := said.get("photo"):
                writer.writerow(photo["row"])
                truth.write(("," if counts["photos"] else "") + "\n" + json.dumps(photo["truth"], ensure_ascii=False))
                counts["photos"] += 1
            else:
                rejects.add([said["reject"]])
                counts[said["reject"]["reason"]] += 1
        truth.write("\n]}\n")
    return {"photos": counts.pop("photos", 0), **dict(sorted(counts.items()))}


def _once(draft: Path, parts: list[Part]) -> Iterator[dict[str, Any]]:
    """What the notes of all parts say of photos and rejects; a content that came before is a reject."""
    digests = Places(said["photo"]["digest"] for said in _said(draft, parts) if "photo" in said)
    copied = dict.fromkeys(digests.first[digests.again].tolist(), "")  # the paths of those that others copy
    number = -1
    for said in _said(draft, parts):
        if "photo" not in said:
            yield said
            continue
        number += 1
        path, original = said["photo"]["row"]["path"], int(digests.first[number])
        if original == number:
            if number in copied:
                copied[number] = path
            yield said
        else:
            (draft / path).unlink(missing_ok=True)
            copy = Reject(path, "source", "duplicate", f"it has the same bytes as {copied[original]}")
            yield {"reject": asdict(copy)}


def _said(draft: Path, parts: list[Part]) -> Iterator[dict[str, Any]]:
    """The lines of all parts' notes but for the stamps."""
    for part in parts:
        yield from islice(_noted(_note(draft, part)), 1, None)
