"""Which photos may serve as the reference of a face: another photo of the same person, never a copy of the target's."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset.dataset import Dataset
from model.dataset.fingerprint import near_duplicates, parse

Choices = Mapping[str, tuple[str, ...]]


def dataset_pairs(dataset: Dataset, split: str) -> Choices:
    """The reference choices of every known face in the photos of `split` ('train' or 'heldout')."""
    inside = dataset.faces["image_id"].map(dataset.images["split"]).eq(split)
    return reference_choices(dataset.faces[inside])


def reference_choices(faces: pd.DataFrame) -> Choices:
    """For each face with an identity, the face ids that may be its reference, best first; faces with none are absent.

    A reference has the role 'reference' and the target's identity, is in another photo and is no near-duplicate of the
    target (`fingerprint.near_duplicates`). The order is total: quality, then face id. `faces` has the columns of
    `records.FACES`.
    """
    known = faces[faces["identity"].notna()]
    choices: dict[str, tuple[str, ...]] = {}
    for _, group in known.groupby("identity", sort=True):
        references = group[group["role"] == "reference"]
        order = np.lexsort((references["face_id"].to_numpy(str), -_quality(references)))
        references = references.iloc[order]
        allowed = _allowed(group, references)
        names = references["face_id"].to_numpy(str)
        for face_id, row in zip(group["face_id"], allowed, strict=True):
            if row.any():
                choices[str(face_id)] = tuple(str(name) for name in names[row])
    return choices


def quality(
    score: NDArray[np.floating], box: NDArray[np.floating], sharpness: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How well faces show a person [N], 0..1: detector score, size up to the recogniser's 112 px, sharpness.

    `score` [N] is 0..1, `box` [N, 4] pixels, `sharpness` [N] as in `records.FACES`.
    """
    side = np.minimum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]).astype(np.float64)
    return score * np.clip(side / 112, 0, 1) * sharpness / (sharpness + 100.0)


def _quality(faces: pd.DataFrame) -> NDArray[np.float64]:
    if faces.empty:
        return np.zeros(0)
    boxes = np.stack(faces["box"].to_list())
    return quality(faces["score"].to_numpy(np.float64), boxes, faces["sharpness"].to_numpy(np.float64))


def _allowed(targets: pd.DataFrame, references: pd.DataFrame) -> NDArray[np.bool_]:
    """[T, R] whether a reference may serve a target."""
    if references.empty:
        return np.zeros((len(targets), 0), np.bool_)
    same_photo = targets["image_id"].to_numpy(str)[:, None] == references["image_id"].to_numpy(str)[None, :]
    prints = [parse(faces["fingerprint"].to_list()) for faces in (targets, references)]
    return ~same_photo & ~near_duplicates(prints[0], _unit(targets), prints[1], _unit(references))


def _unit(faces: pd.DataFrame) -> NDArray[np.float32]:
    raw = np.stack(faces["embedding"].to_list()).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)
