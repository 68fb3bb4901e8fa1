"""Whether somebody of the benchmark was trained on after all: by embedding, at a stated rate of false matches."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from model.artefacts import new_folder, write_json
from model.dataset.dataset import Dataset
from model.errors import UserError
from validation.benchmark.impostors import Threshold, between, threshold
from validation.benchmark.metrics import unit
from validation.dataset.leaks import lookalikes
from validation.report.leakage_page import leakage_page

NEAREST = 5  # pairs that are named where none is a hit
FACE_MARGIN = 0.6  # of the box's size, kept around a face in its picture on the page
FACE_SIDE = 160  # px of that picture
QUALITY = 92  # of the JPEG files
Pictures = Mapping[str, Image.Image]


@dataclass(frozen=True)
class Leakage:
    """The pairs of a benchmark person and a trained one, worst first, and the cosine from which a pair is a hit."""

    pairs: pd.DataFrame
    bound: Threshold
    benchmark: int
    trained: int

    @property
    def hits(self) -> pd.DataFrame:
        """The pairs that are taken for one person."""
        return self.pairs[self.pairs["similarity"] > self.bound.cosine]

    def as_json(self) -> dict[str, Any]:
        """What `scores.json` says of it."""
        shown = self.pairs.head(max(NEAREST, len(self.hits)))
        return {
            "passed": not len(self.hits),
            "threshold": self.bound.as_json(),
            "benchmark_people": self.benchmark,
            "trained_people": self.trained,
            "pairs": [
                {"benchmark": row["heldout"], "trained": row["trained"], "similarity": float(row["similarity"])}
                for row in shown.to_dict("records")
            ],
        }


def find_leaks(dataset: Dataset, benchmark: Mapping[str, NDArray[np.floating]], rate: float) -> Leakage:
    """Compare the centres [d] of benchmark people, by name, with those of the people whom `dataset` trains on.

    Embeddings are of the dataset's recogniser. A pair is a hit above the cosine that a share `rate` of the pairs of
    different trained people exceeds (`impostors.threshold`).
    """
    training = dataset.identities[dataset.identities["split"] == "train"]
    centres = unit(dataset.centres[(dataset.identities["split"] == "train").to_numpy()])
    bound = threshold(between(training["identity"].tolist(), centres), rate)
    people = pd.DataFrame(
        {
            "identity": [*benchmark, *training["identity"]],
            "split": ["heldout"] * len(benchmark) + ["train"] * len(training),
        }
    )
    rows = np.concatenate([unit(np.stack(list(benchmark.values()))), centres])
    return Leakage(lookalikes(people, rows, bound.cosine), bound, len(benchmark), len(training))


def heldout_centres(dataset: Dataset, people: set[str]) -> dict[str, NDArray[np.floating]]:
    """The centres of the held-out `people`, by name."""
    rows = {str(name): row for row, name in enumerate(dataset.identities["identity"])}
    return {name: dataset.centres[rows[name]] for name in sorted(people)}


def refuse_leaks(found: Leakage, scores: Path, dataset: Dataset, faces: Pictures) -> None:
    """Where there is a hit, write a scores folder that says so, with the pairs' faces, and raise UserError.

    `faces` has a picture of each benchmark person by name.
    """
    hits = found.hits.to_dict("records")
    if not hits:
        return
    with new_folder(scores) as draft:
        (draft / "images" / "leaks").mkdir(parents=True)
        for number, row in enumerate(hits):
            faces[row["heldout"]].save(draft / "images" / "leaks" / f"{number}-benchmark.jpg", quality=QUALITY)
            person_picture(dataset, row["trained"]).save(
                draft / "images" / "leaks" / f"{number}-trained.jpg", quality=QUALITY
            )
        write_json(draft / "scores.json", {"schema": 1, "leakage": found.as_json()})
        (draft / "report.html").write_text(leakage_page(draft), encoding="utf-8")
    worst = hits[0]
    raise UserError(
        f"leakage: {len(hits)} pairs of a person of the benchmark and a trained one look like one person, first "
        f"{worst['heldout']} and {worst['trained']} (cosine {worst['similarity']:.3f} > {found.bound.cosine:.3f}); "
        f"look at {scores / 'report.html'}, put each person under one name, and train again"
    )


def person_picture(dataset: Dataset, identity: str) -> Image.Image:
    """The face of a person that the detector was surest of."""
    faces = dataset.faces[dataset.faces["identity"] == identity]
    best = faces.sort_values(["score", "face_id"], ascending=[False, True], kind="stable").iloc[0]
    return face_picture(dataset, str(best["face_id"]))


def face_picture(dataset: Dataset, face_id: str) -> Image.Image:
    """A square picture of one face with its surroundings."""
    face = dataset.face_row(face_id)
    return crop(dataset.image(str(face["image_id"])), np.asarray(face["box"], np.float64))


def crop(picture: NDArray[np.uint8], box: NDArray[np.floating]) -> Image.Image:
    """A square picture of the face in `box` (x1 y1 x2 y2, px) with its surroundings, as far as the picture reaches."""
    photo = Image.fromarray(picture)
    left, top, right, bottom = (float(value) for value in box)
    half = min(max(right - left, bottom - top) * (0.5 + FACE_MARGIN), min(photo.size) / 2)
    x = min(max((left + right) / 2, half), photo.width - half)
    y = min(max((top + bottom) / 2, half), photo.height - half)
    return photo.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.LANCZOS, box=(x - half, y - half, x + half, y + half))
