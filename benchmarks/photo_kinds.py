"""Prints what curation makes of plain photos and of drawn-over ones: python -m benchmarks.photo_kinds FOLDER [EACH].

The photos of FOLDER that show usable faces are taken as they are; of each kind of `drawn_photos`, EACH pictures
are drawn from them. All are then curated like any folder, up to the marks of the examiners.
"""

import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.drawn_photos import KINDS
from components.curation.config import CurationConfig
from components.curation.faces_pass import find_faces
from components.curation.filters import drop_copies, drop_unusable
from components.curation.found import Found
from components.curation.looked import Looks
from components.curation.marked import drop_marked
from components.curation.networks import load
from components.curation.seen import listed
from components.curation.sources.folder import scan
from components.files import digest_table

COLUMNS = ("text", "collage", "screenshot", "drawing")


def main(folder: Path, each: Annotated[int, typer.Argument()] = 40) -> None:
    """Curate `folder`, draw on it, curate the drawn pictures, print one row a kind."""
    console = Console()
    table = Table("photos", "usable", "kept whole", "cropped", *COLUMNS, title=f"{folder.name}: fate of usable photos")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        plain = _usable(folder, scratch)
        table.add_row("plain", *_fates(plain, scratch, console))
        for group, draws in KINDS.items():
            for kind, draw in draws.items():
                album = scratch / group / kind.replace(" ", "-").replace("%", "percent")
                album.mkdir(parents=True)
                for number in range(each):
                    rng = np.random.default_rng([number, len(kind)])
                    chosen = rng.permutation(len(plain.photos))[:9]
                    photos = [
                        np.asarray(Image.open(folder / plain.photos[place].item.path).convert("RGB"))
                        for place in chosen
                    ]
                    Image.fromarray(draw(rng, photos)).save(album / f"{number}.jpg", quality=95)
                table.add_row(f"{group}: {kind}", *_fates(_usable(album, scratch), scratch, None))
    console.print(table)


def _usable(folder: Path, scratch: Path) -> Found:
    config = CurationConfig()
    items, _ = scan(folder)
    files = digest_table(folder, items["path"].to_pylist())
    with Looks(scratch / "work" / folder.name) as looks:
        found, _ = find_faces(folder, listed(items, files), config, lambda: load(config), looks)
    return drop_unusable(drop_copies(found)[0], config)[0]


def _fates(found: Found, scratch: Path, console: Console | None) -> list[str]:
    """The row of a table; the refused are listed on `console`."""
    kept, rejects = drop_marked(found, CurationConfig(), scratch / "marks")
    for reject in rejects:
        if console:
            console.print(f"{reject.path}: {reject.detail}", highlight=False)
    reasons = Counter(reject.reason for reject in rejects)
    cropped = sum(photo.crop is not None for photo in kept.photos)
    return [str(n) for n in (len(found.photos), len(kept.photos) - cropped, cropped, *(reasons[c] for c in COLUMNS))]


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    typer.run(main)
