"""What is trained on: the pictures of a dataset's training split, fitted to the preset's sizes, with their people."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model.captions import compose
from model.dataset.buckets import Placement, Size, place
from model.dataset.dataset import Dataset
from model.dataset.pairs import dataset_pairs
from model.editing import least_person
from model.errors import UserError
from model.words import counted

SPLIT = "train"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """A picture to learn from: where its photo lies in the photo folder, where it is cut, and its n people.

    Boxes [n, 4] and landmarks [n, 5, 2] are pixels of the cut picture. `faces` are rows of the dataset's faces,
    `identities` their codes (a face nobody knows has its own, below 0), `references` the rows of the faces that may
    stand in for each. `fixed_prompt` tells no more than how many people are seen, those too small to be learned, too.
    """

    image_id: str
    path: str
    caption: str
    fixed_prompt: str
    placement: Placement
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    faces: tuple[int, ...]
    identities: tuple[int, ...]
    references: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.placement.size

    def picture(self, dataset: Dataset) -> NDArray[np.uint8]:
        """The cut picture [H, W, 3]."""
        return self.placement.image(dataset.image(self.image_id))


@dataclass(frozen=True)
class TrainingSet:
    """Targets, the raw embeddings [F, d] of all faces, and the bank: rows of reference faces with their codes."""

    targets: tuple[Target, ...]
    embeddings: NDArray[np.float32]
    bank_rows: NDArray[np.int64]
    bank_codes: NDArray[np.int64]
    identities: tuple[str, ...]

    def reference_rows(self) -> set[int]:
        """The rows of all faces that may stand for somebody."""
        return {row for target in self.targets for rows in (target.faces, *target.references) for row in rows}


def training_set(dataset: Dataset, buckets: Sequence[Size], *, edits: bool = False) -> TrainingSet:
    """The training split of `dataset`; UserError when no picture of it can be used.

    Photos whose faces no crop of a bucket can hold, and faces of less than 20 pixels after resizing, are left out; how
    many is logged. For a preset that `edits` the faces are those that are blurred in what it is shown.
    """
    frame = dataset.faces
    known = sorted(dataset.identities.loc[dataset.identities["split"] == SPLIT, "identity"])
    codes = {name: code for code, name in enumerate(known)}
    faces = _Faces.of(dataset, codes)
    photos = dataset.images.loc[dataset.images["split"] == SPLIT, ["image_id", "path", "caption", "width", "height"]]
    found = [_target(photo, faces, buckets, edits) for photo in photos.itertuples(index=False)]
    targets = tuple(target for target in found if target is not None)
    log.info("training on %d of %s of %s", len(targets), counted(len(found), "photo"), counted(len(known), "person"))
    if not targets:
        raise UserError(
            f"the dataset {dataset.folder}: none of its {len(found)} training photos has a face of "
            f"{min(least_person(size, edits=edits) for size in buckets):g} pixels "
            "in a training-size crop; curate photos with larger faces."
        )
    in_bank = (frame["role"] == "reference") & frame["identity"].isin(known)
    bank = np.flatnonzero(in_bank.to_numpy(bool))
    bank_codes = np.array([codes[str(name)] for name in frame["identity"].to_numpy()[bank]], np.int64)
    return TrainingSet(targets, dataset.embeddings, bank, bank_codes, tuple(known))


@dataclass(frozen=True)
class _Faces:
    """What targets need of all F faces, out of the frame at once: taken out photo by photo it takes milliseconds each.

    `of_photo` has the rows of each photo's faces; the rest is by row, as in `Target`.
    """

    of_photo: Mapping[str, NDArray[np.intp]]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    identities: list[int]
    references: list[tuple[int, ...]]

    @classmethod
    def of(cls, dataset: Dataset, codes: Mapping[str, int]) -> Self:
        frame, choices = dataset.faces, dataset_pairs(dataset, SPLIT)
        rows = {str(face): row for row, face in enumerate(frame["face_id"])}
        return cls(
            {str(photo): np.asarray(at) for photo, at in frame.groupby("image_id").indices.items()},
            np.array(frame["box"].to_list(), np.float32).reshape(-1, 4),
            np.array(frame["landmarks"].to_list(), np.float32).reshape(-1, 5, 2),
            [codes.get(name, -1 - row) for row, name in enumerate(frame["identity"])],
            [tuple(rows[other] for other in choices.get(face, ())) for face in rows],
        )


def _target(photo: Any, faces: _Faces, buckets: Sequence[Size], edits: bool) -> Target | None:
    rows = faces.of_photo.get(photo.image_id)
    if rows is None:
        return None
    placement = place(photo.width, photo.height, faces.boxes[rows], buckets)
    if placement is None:
        return None
    fitted = placement.boxes(faces.boxes[rows])
    seen = np.flatnonzero((fitted[:, 2:] - fitted[:, :2]).min(1) >= least_person(placement.size, edits=edits))
    if not len(seen):
        return None
    own = tuple(rows[seen].tolist())
    return Target(
        photo.image_id,
        photo.path,
        photo.caption,
        compose(len(rows)),
        placement,
        fitted[seen],
        placement.points(faces.landmarks[rows[seen]]),
        own,
        tuple(faces.identities[row] for row in own),
        tuple(faces.references[row] for row in own),
    )
