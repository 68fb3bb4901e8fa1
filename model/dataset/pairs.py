"""Which photos may serve as the reference of a face: another photo of the same person, never a copy of the target's."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset.dataset import Dataset
from model.dataset.fingerprint import near_duplicates, parse

Choices = Mapping[str, tuple[str, ...]]


def dataset_pairs(dataset: Dataset, split: str) -> Choices:
    """The reference choices of every known face in the photos of `split` ('train' or 'heldout'), from the same photos."""
    inside = dataset.faces["image_id"].map(dataset.images["split"]).eq(split)
    return reference_choices(dataset.faces[inside])


def reference_choices(faces: pd.DataFrame) -> Choices:
    """For each face with an identity, the face ids that may be its reference, best quality first; faces with none: absent.

    A reference has the role 'reference' and the target's identity, is in another photo and is no near-duplicate of the
    target (`fingerprint.near_duplicates`). The order is total: quality, then face id. `faces` has the columns of
    `records.FACES`.
    """
    known = faces[faces["identity"].notna()]
    choices: dict[str, tuple[str, ...]] = {}
    for _, group in known.groupby("identity", sort=True):
        references = group[group["role"] == "reference"]
        order = np.lexsort((references["face_id"].to_numpy(str), -quality(references)))
        references = references.iloc[order]
        allowed = _allowed(group, references)
        names = references["face_id"].to_numpy(str)
        for face_id, row in zip(group["face_id"], allowed, strict=True):
            if row.any():
                choices[str(face_id)] = tuple(str(name) for name in names[row])
    return choices


def quality(faces: pd.DataFrame) -> NDArray[np.float64]:
    """How well each face [N] shows the person, 0..1: detector score, size up to the recogniser's 112 px, sharpness."""
    if faces.empty:
        return np.zeros(0)
    boxes = np.stack(faces["box"].to_list()).astype(np.float64)
    side = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    sharpness = faces["sharpness"].to_numpy(np.float64)
    return faces["score"].to_numpy(np.float64) * np.clip(side / 112, 0, 1) * sharpness / (sharpness + 100)


def _allowed(targets: pd.DataFrame, references: pd.DataFrame) -> NDArray[np.bool_]:
    """[T, R] whether a reference may serve a target."""
    if references.empty:
        return np.zeros((len(targets), 0), np.bool_)
    same_photo = targets["image_id"].to_numpy(str)[:, None] == references["image_id"].to_numpy(str)[None, :]
    copies = near_duplicates(
        parse(targets["fingerprint"].to_list()),
        _unit(targets),
        parse(references["fingerprint"].to_list()),
        _unit(references),
    )
    return ~same_photo & ~copies


def _unit(faces: pd.DataFrame) -> NDArray[np.float32]:
    raw = np.stack(faces["embedding"].to_list()).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)
