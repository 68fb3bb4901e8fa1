"""How well faces were named, measured against the truth about a virtual cast: precision, recall, strangers named."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from model.artefacts import read_json
from model.boxes import iou
from model.dataset.dataset import Dataset
from model.errors import UserError

SAME_FACE = 0.4  # least overlap (IoU) of a true and a found box: portraits are measured before they are pasted together
COPIES = ("near_duplicate", "duplicate")  # rejects that lose nobody: the picture they copy is in the dataset


@dataclass(frozen=True)
class Naming:
    """Counts over the true faces outside the bank.

    `known` faces of people in the dataset, of which `named` got a name and `right` the right one; `strangers`, of which
    `named_strangers` got a name.
    """

    known: int
    named: int
    right: int
    strangers: int
    named_strangers: int

    @property
    def precision(self) -> float:
        """Share of the names given that are right, 0..1; 1 where none was given."""
        given = self.named + self.named_strangers
        return self.right / given if given else 1.0

    @property
    def recall(self) -> float:
        """Share of the known faces that got their name, 0..1; 1 where there is none."""
        return self.right / self.known if self.known else 1.0

    @property
    def stranger_rate(self) -> float:
        """Share of the strangers that got a name, 0..1."""
        return self.named_strangers / self.strangers if self.strangers else 0.0

    def as_json(self) -> dict[str, float]:
        """Counts and shares."""
        shares = {"precision": self.precision, "recall": self.recall, "stranger_rate": self.stranger_rate}
        return asdict(self) | shares


def measure_naming(dataset: Dataset, truth: Path) -> Naming:
    """Compare a dataset with the file `truth.json` of the cast or the release it was made of.

    Faces of the bank are left out, because their photos say who they are. A true face in a photo that was rejected, or
    that was not found, is a face without a name; copies of other photos do not count. UserError where `truth` is
    missing or about other photos.
    """
    if not truth.is_file():
        raise UserError(
            f"truth '{truth}' is no file; give the truth.json that `withanyone cast` or `import-multiid` wrote"
        )
    photos = read_json(truth, "photos")["photos"]
    places = {str(path): str(image_id) for image_id, path in dataset.images["path"].items()}
    if not places.keys() & {photo["path"] for photo in photos}:
        raise UserError(f"truth '{truth}' is about other photos than the dataset {dataset.folder}; give its own cast's")
    widths: dict[Any, int] = dataset.images["width"].to_dict()
    copies = set(dataset.rejects.loc[dataset.rejects["reason"].isin(COPIES), "path"])
    people = set(dataset.identities.index)
    total = np.zeros(5, int)
    for photo in photos:
        if photo["path"] not in copies:
            image_id = places.get(photo["path"])
            total += _counts(dataset, image_id, _stored(photo, widths.get(image_id)), people)
    return Naming(*total.tolist())


def naming_table(found: Naming, dataset: Dataset) -> Table:
    """What was found of a dataset, for the terminal."""
    calibration = dataset.manifest["calibration"]
    table = Table("measure", "value", "of", title=f"named from {calibration['threshold']:.3f} ({calibration['rule']})")
    table.add_row("precision", f"{found.precision:.4f}", f"{found.named + found.named_strangers} names given")
    table.add_row("recall", f"{found.recall:.4f}", f"{found.known} faces of known people outside the bank")
    table.add_row("strangers named", f"{found.stranger_rate:.4f}", f"{found.strangers} faces of strangers")
    return table


def _stored(photo: dict[str, Any], width: int | None) -> list[dict[str, Any]]:
    """The true faces with their boxes in pixels of the stored photo, whose `width` may be less than its `size` says."""
    if width is None or "size" not in photo:
        return photo["faces"]
    scale = width / photo["size"][0]
    return [face | {"box": [value * scale for value in face["box"]]} for face in photo["faces"]]


def _counts(dataset: Dataset, image_id: str | None, true: list[dict[str, Any]], people: set[str]) -> list[int]:
    """The counts of `Naming` for one photo."""
    found = dataset.faces_of(image_id) if image_id else dataset.faces.iloc[:0]
    boxes = np.array(found["box"].to_list(), float).reshape(-1, 4)
    overlap = iou(np.array([face["box"] for face in true], float).reshape(-1, 4), boxes)
    known = named = right = strangers = named_strangers = 0
    for row, face in enumerate(true):
        best = int(overlap[row].argmax()) if len(boxes) else -1
        seen = found.iloc[best].to_dict() if best >= 0 and overlap[row, best] >= SAME_FACE else None
        if seen and seen["role"] == "reference":
            continue
        name = seen["identity"] if seen and seen["role"] == "target" else None
        if face["person"] in people:
            known, named, right = known + 1, named + (name is not None), right + (name == face["person"])
        else:
            strangers, named_strangers = strangers + 1, named_strangers + (name is not None)
    return [known, named, right, strangers, named_strangers]
