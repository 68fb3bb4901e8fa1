"""Write the virtual cast as an ordinary photo folder, and apart from it the truth about who is where."""

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.listing import LISTED, LISTING
from components.photos.cast.backdrops import backdrop
from components.photos.cast.blemishes import write_blemishes
from components.photos.cast.generator import SIZE, FaceGenerator
from components.photos.cast.matting import Matting
from components.photos.cast.people import Person, Portrait, Studio, names
from components.photos.cast.scene import CANVAS, compose
from components.photos.config import PhotosConfig
from model.captions import compose as caption
from model.faces.analyser import FaceAnalyser
from model.faces.detector import Detector
from model.faces.recogniser import load_recogniser
from model.progress import track

CIRCLE = 4  # people who are photographed together
LICENCE = "research only (made by a generator distilled from StyleGAN2-FFHQ)"
CONSENT = "none needed: the person does not exist"
Taken = tuple[dict[str, str], dict[str, object]]  # a photo's row for photos.csv, and what is true of it


@dataclass(frozen=True)
class Shot:
    """One photo to be composed: where it goes, who is in it, the seed of its composition, its person."""

    path: str
    portraits: tuple[Portrait, ...]
    seed: tuple[int, ...]
    person: str = ""


def write_cast(folder: Path, truth: Path, config: PhotosConfig) -> None:
    """Make the photos of `config` in `folder` (with photos.csv) and the truth file `truth`."""
    analyser = FaceAnalyser(Detector.load(), load_recogniser("facesdk"), max_side=320)
    studio = Studio(FaceGenerator(), analyser, Matting())
    rng = np.random.default_rng([config.seed, 0])
    people = studio.find_people(rng, names(config.people + config.strangers), config.likeness)
    members, strangers = people[: config.people], people[config.people :]
    taken: list[Taken] = []
    circles = [members[start : start + CIRCLE] for start in range(0, len(members), CIRCLE)]
    crowd = [p[0] for p in studio.portraits(rng, strangers, 1).values()]
    with ThreadPoolExecutor(2) as pool:
        for number, circle in enumerate(track(circles, "virtual cast", unit="circle")):
            shots = list(_circle_shots(studio, config, number, circle, len(circles), crowd))
            taken += pool.map(lambda shot: _take(folder, shot), shots)
    for number, portrait in enumerate(crowd):
        shot = Shot(f"visitors/visitor {number + 1:02}.jpg", (portrait,), (config.seed, 3, number))
        taken.append(_take(folder, shot))
    _write_places(folder, config)
    if config.blemishes:
        write_blemishes(folder / "old disk", np.asarray(Image.open(folder / taken[0][0]["path"])))
    _write_tables(folder, truth, taken)


def _circle_shots(
    studio: Studio, config: PhotosConfig, number: int, circle: list[Person], circles: int, crowd: list[Portrait]
) -> Iterator[Shot]:
    """The single photos of a circle's people, then its share of the group photos, which show other portraits."""
    rng = np.random.default_rng([config.seed, 1, number])
    album = studio.portraits(rng, circle, config.photos + config.group_portraits)
    for name, portraits in album.items():
        for index, portrait in enumerate(portraits[: config.photos]):
            yield Shot(
                f"people/{name}/{index + 1:02}.jpg", (portrait,), (config.seed, 4, number, *name.encode(), index), name
            )
    spare = [portraits[config.photos :] for portraits in album.values() if len(portraits) > config.photos]
    for scene in range(number, config.scenes, circles):
        count = min(int(rng.choice((1, 2, 3, 4), p=(0.15, 0.45, 0.25, 0.15))), len(spare))
        chosen = [spare[i] for i in rng.choice(len(spare), count, replace=False)]
        group = [portraits[int(rng.integers(len(portraits)))] for portraits in chosen]
        if crowd and 1 < count < 4 and rng.random() < config.stranger_share:
            group.insert(int(rng.integers(count + 1)), crowd[int(rng.integers(len(crowd)))])
        if group:
            yield Shot(f"scenes/scene {scene + 1:04}.jpg", tuple(group), (config.seed, 2, scene))


def _take(folder: Path, shot: Shot) -> Taken:
    """Compose and write one photo; its row for photos.csv and what is true of it."""
    rng = np.random.default_rng(shot.seed)
    scene = compose(rng, [portrait.cut_out for portrait in shot.portraits])
    path = folder / shot.path
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.picture).save(path, quality=int(rng.integers(86, 96)))
    words = caption(len(shot.portraits), sum(p.smiles for p in shot.portraits), scene.light, scene.backdrop)
    row = dict(zip(LISTED, (shot.path, shot.person, "virtual cast", LICENCE, CONSENT, shot.person, words), strict=True))
    faces = [
        {
            "person": portrait.name,
            "box": _placed(portrait.face.box, frame),
            "resemblance": round(portrait.resemblance, 4),
        }
        for portrait, frame in zip(shot.portraits, scene.frames, strict=True)
    ]
    return row, {"path": shot.path, "faces": faces}


def _placed(box: NDArray[np.float32], frame: tuple[float, float, float, float]) -> list[float]:
    """A portrait's face box in the pixels of the photo that the portrait was pasted into."""
    scale = (frame[2] - frame[0]) / SIZE
    return [round(float(value) * scale + frame[axis % 2], 1) for axis, value in enumerate(box)]


def _write_places(folder: Path, config: PhotosConfig) -> None:
    """Photos with nobody in them."""
    (folder / "places").mkdir(parents=True, exist_ok=True)
    for number in range(config.places):
        rng = np.random.default_rng([config.seed, 5, number])
        picture, _ = backdrop(rng, *CANVAS[0])
        Image.fromarray((picture * 255).astype(np.uint8)).save(
            folder / "places" / f"place {number + 1:02}.jpg", quality=90
        )


def _write_tables(folder: Path, truth: Path, taken: list[Taken]) -> None:
    rows, facts = zip(*sorted(taken, key=lambda pair: pair[0]["path"]), strict=True)
    with open(folder / LISTING, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LISTED)
        writer.writeheader()
        writer.writerows(rows)
    truth.parent.mkdir(parents=True, exist_ok=True)
    truth.write_text(json.dumps({"schema": 1, "photos": facts}, indent=1, ensure_ascii=False), encoding="utf-8")
