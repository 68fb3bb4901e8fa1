"""Prints how often curation keeps a photo and not an edited copy of it: python -m benchmarks.best_copy FOLDER [COUNT].

COUNT photos of FOLDER with one face each are edited in many ways, one at a time; each goes into the bank with one copy,
then with three, and with five. What the bank keeps beside the photo, it did not know for a copy. Mirrored, brighter and
cropped copies, which are no worse, are left out.
"""

import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageFilter, ImageOps
from rich.console import Console
from rich.table import Table

from benchmarks.copies import seen
from components.curation.bank import build_bank
from components.curation.config import CurationConfig
from components.curation.filters import good_faces
from components.curation.items import Item

Picture = Image.Image
SUFFIXES = {".jpg", ".jpeg", ".png"}


def noisy(photo: Picture, deviation: float) -> Picture:
    """With normal noise of so many grey levels."""
    noise = np.random.default_rng(0).normal(0, deviation, (photo.height, photo.width, 3))
    return Image.fromarray(np.clip(np.asarray(photo) + noise + 0.5, 0, 255).astype(np.uint8))


def sized(photo: Picture, share: float) -> Picture:
    """In another size."""
    return photo.resize((round(photo.width * share), round(photo.height * share)), Image.Resampling.LANCZOS)


def pressed(photo: Picture, quality: int) -> Picture:
    """As a JPEG of this quality shows it."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def dithered(photo: Picture, colours: int) -> Picture:
    """With so few colours."""
    return photo.quantize(palette=photo.quantize(colours), dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


SHARP = ImageFilter.UnsharpMask(2, 150, 3)
EDITS: Mapping[str, Callable[[Picture], Picture]] = {
    "dithered, 256 colours": lambda photo: dithered(photo, 256),
    "dithered, 32 colours": lambda photo: dithered(photo, 32),
    "noise of 5": lambda photo: noisy(photo, 5),
    "noise of 15": lambda photo: noisy(photo, 15),
    "sharpened a little": lambda photo: photo.filter(ImageFilter.UnsharpMask(1, 80, 0)),
    "sharpened": lambda photo: photo.filter(SHARP),
    "JPEG of quality 35": lambda photo: pressed(photo, 35),
    "JPEG of quality 15": lambda photo: pressed(photo, 15),
    "blurred a little": lambda photo: photo.filter(ImageFilter.GaussianBlur(0.7)),
    "blurred": lambda photo: photo.filter(ImageFilter.GaussianBlur(1.5)),
    "size 0.8": lambda photo: sized(photo, 0.8),
    "size 0.5": lambda photo: sized(photo, 0.5),
    "size 0.5 and back": lambda photo: sized(photo, 0.5).resize(photo.size, Image.Resampling.BICUBIC),
    "size 0.5, sharpened": lambda photo: sized(photo, 0.5).filter(SHARP),
}


def plant(photos: list[Path], album: Path) -> list[Item]:
    """Each photo with one copy, with three and with five, each time as a person of its own."""
    items = []
    rng = np.random.default_rng(0)
    for number, path in enumerate(photos):
        groups = [[edit] for edit in EDITS] + [rng.choice(list(EDITS), size, replace=False).tolist() for size in (3, 5)]
        with Image.open(path) as opened:
            photo = ImageOps.exif_transpose(opened).convert("RGB")
        made = {name: edit(photo) for name, edit in EDITS.items()}
        for group in groups:
            person = Path(f"{number} {group[0] if len(group) == 1 else f'{len(group)} copies'}")
            (album / person).mkdir()
            (album / person / "photo").symlink_to(path.resolve())
            for edit in group:
                made[edit].save(album / person / edit, "PNG" if "dithered" in edit else "JPEG", quality=92)
            items += [Item(str(person / name), str(person), "csv") for name in ("photo", *group)]
    return items


def main(folder: Path, count: Annotated[int, typer.Argument()] = 25) -> None:
    """Edit, look, build the bank, print."""
    config = CurationConfig()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [paths[place] for place in np.random.default_rng(0).permutation(len(paths))[:count]]
    with tempfile.TemporaryDirectory() as album, tempfile.TemporaryDirectory() as kept:
        found = seen(Path(album), plant(photos, Path(album)), config)
        bank, _ = build_bank(found, good_faces(found, config), config, Path(kept))
        stays: dict[str, list[bool]] = {}
        for photo in found.photos_of(np.flatnonzero(bank.member >= 0)):
            stays.setdefault(photo.item.person, []).append(Path(photo.item.path).name == "photo")
    table = Table("copies", "photos", "the photo alone is kept", "a copy alone", "both")
    kinds = [*EDITS, "3 copies", "5 copies"]
    for kind in kinds:
        own = [kept for person, kept in stays.items() if person.split(" ", 1)[1] == kind]
        both, alone = sum(len(kept) > 1 for kept in own), sum(kept == [True] for kept in own)
        table.add_row(kind, *map(str, (len(own), alone, len(own) - alone - both, both)))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
