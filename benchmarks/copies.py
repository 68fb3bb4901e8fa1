"""Prints how many edited copies of photos are not known as copies: python -m benchmarks.copies PEOPLE [COUNT].

PEOPLE has one sub-folder of photos a person. COUNT of them are cropped, shrunk, mirrored, lit otherwise and compressed,
all at random and all at once, and go through the faces pass with the others. A crop may cut through a face. Different
photos of one person that are taken for copies are the price: they lose pairs.
"""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from rich.console import Console
from rich.table import Table

from components.curation.config import CurationConfig
from components.curation.faces_pass import find_faces
from components.curation.filters import drop_unusable
from components.curation.found import Found
from components.curation.items import Item, item_table
from components.curation.looked import Looks
from components.curation.networks import load, look_digest, recogniser
from components.curation.registered import same_content
from components.curation.seen import listed
from components.files import digest_table
from model.artefacts import work_folder

LEAST = 0.55  # of a photo's width and height that a crop keeps
Box = NDArray[np.float64]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Edit:
    """Which photo a file copies, and what part of it is left."""

    original: str
    part: Box


def edited(photo: Image.Image, rng: np.random.Generator) -> tuple[bytes, Box]:
    """A copy of the photo as a JPEG, and the part of the photo that it shows."""
    width, height = photo.size
    across, down = rng.uniform(LEAST, 1, 2)
    left, top = rng.uniform(0, 1 - across) * width, rng.uniform(0, 1 - down) * height
    part = np.round([left, top, left + across * width, top + down * height])
    copy = photo.crop(tuple(part.astype(int).tolist()))
    share = rng.uniform(0.5, 1)
    copy = copy.resize((round(copy.width * share), round(copy.height * share)), Image.Resampling.LANCZOS)
    copy = ImageOps.mirror(copy) if rng.random() < 0.5 else copy
    copy = ImageEnhance.Brightness(copy).enhance(rng.uniform(0.75, 1.3))
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
    return buffer.getvalue(), part


def plant(people: Path, album: Path, count: int) -> tuple[list[Item], dict[str, Edit]]:
    """Put the photos of `people` and copies of `count` of them into `album`; the edit of each copy by its path."""
    paths = sorted(path.relative_to(people).as_posix() for path in people.glob("*/*.jpg"))
    items = [Item(path, Path(path).parent.name, "folder") for path in paths]
    for path in paths:
        (album / path).parent.mkdir(parents=True, exist_ok=True)
        (album / path).symlink_to((people / path).resolve())
    edits = {}
    for number in range(count):
        rng = np.random.default_rng(number)
        original = str(rng.choice(paths))
        copy = str(Path(original).parent / f"copy {number}.jpg")
        with Image.open(people / original) as photo:
            data, part = edited(photo.convert("RGB"), rng)
        (album / copy).write_bytes(data)
        edits[copy] = Edit(original, part)
    return [*items, *(Item(copy, Path(copy).parent.name, "folder") for copy in edits)], edits


def seen(album: Path, items: Sequence[Item], config: CurationConfig) -> Found:
    """The usable faces of the photos."""
    files = digest_table(album, [item.path for item in items])
    with Looks(work_folder("curate", look_digest(recogniser(config), config))) as looks:
        found, _ = find_faces(album, listed(item_table(items), files), config, lambda: load(config), looks)
    return drop_unusable(found, config)[0]


def fates(found: Found, edits: dict[str, Edit]) -> list[tuple[str, str]]:
    """Of each copy whether its original's face is 'whole' or 'cut' in it, and whether it is 'known', 'missed', 'gone'.

    A copy is gone where no usable face is found in it: it can be nobody's reference.
    """
    first = dict(zip((photo.item.path for photo in found.photos), np.cumsum(found.counts) - found.counts, strict=True))
    told = []
    for path, edit in edits.items():
        if edit.original not in first:
            continue
        face = first[edit.original]
        box = found.box[face]
        inside = bool((box[:2] >= edit.part[:2]).all() and (box[2:] <= edit.part[2:]).all())
        fate = "gone"
        if path in first:
            fate = "known" if told_as_copies(found, np.array([face, first[path]]))[0, 1] else "missed"
        told.append(("whole" if inside else "cut", fate))
    return told


def told_as_copies(found: Found, faces: NDArray[np.intp]) -> NDArray[np.bool_]:
    """[N, N] which photos of one person's faces [N] curation takes for copies."""
    return same_content(found, faces, found.copies(faces, faces))


def alarms(found: Found, edits: dict[str, Edit]) -> tuple[int, int]:
    """Pairs of different photos of one person that are taken for copies, and all such pairs."""
    people: dict[str, list[int]] = {}
    for face, photo in enumerate(found.photo):
        item = found.photos[photo].item
        if item.path not in edits:
            people.setdefault(item.person, []).append(face)
    false = total = 0
    for faces in people.values():
        rows = np.array(faces)
        apart = found.photo[rows][:, None] < found.photo[rows][None, :]
        false += int((told_as_copies(found, rows) & apart).sum())
        total += int(apart.sum())
    return false, total


def main(people: Path, count: Annotated[int, typer.Argument()] = 400) -> None:
    """Edit, look, print."""
    with tempfile.TemporaryDirectory() as folder:
        items, edits = plant(people, Path(folder), count)
        found = seen(Path(folder), items, CurationConfig())
        told, (false, total) = fates(found, edits), alarms(found, edits)
    table = Table("face", "copies", "without a usable face", "known as copies", "missed", "missed, of usable")
    for kind in ("whole", "cut"):
        gone, known, missed = (told.count((kind, fate)) for fate in ("gone", "known", "missed"))
        share = f"{missed / (known + missed):.1%}" if known + missed else ""
        table.add_row(kind, *map(str, (gone + known + missed, gone, known, missed)), share)
    console = Console()
    console.print(table)
    console.print(f"{false} of {total} pairs of different photos of one person are taken for copies")


if __name__ == "__main__":
    typer.run(main)
