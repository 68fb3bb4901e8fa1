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
    names, photos = known["face_id"].to_numpy(str), known["image_id"].to_numpy(str)
    prints, raw = parse(known["fingerprint"].to_list()), known["embedding"].to_numpy(object)
    in_bank, rank = (known["role"] == "reference").to_numpy(bool), np.empty(len(known), np.intp)
    rank[np.lexsort((names, -_quality(known)))] = np.arange(len(known))
    choices: dict[str, tuple[str, ...]] = {}
    for _, rows in sorted(known.groupby("identity").indices.items()):  # of arrays: slices of frames take milliseconds
        group = np.asarray(rows)
        best = np.flatnonzero(in_bank[group])
        best = best[np.argsort(rank[group[best]])]
        bank, unit = group[best], _unit(raw[group])
        copies = near_duplicates(prints[group], unit, prints[bank], unit[best])
        allowed = ~copies & (photos[group, None] != photos[bank])
        for face_id, row in zip(names[group], allowed, strict=True):
            if row.any():
                choices[str(face_id)] = tuple(names[bank[row]].tolist())
    return choices


def _quality(faces: pd.DataFrame) -> NDArray[np.float64]:
    """How well faces show a person [N], 0..1: detector score, size up to the recogniser's 112 px, sharpness."""
    if faces.empty:
        return np.zeros(0)
    score, sharpness = (faces[name].to_numpy(np.float64) for name in ("score", "sharpness"))
    box = np.stack(faces["box"].to_list()).astype(np.float64)
    side = np.minimum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    return score * np.clip(side / 112, 0, 1) * sharpness / (sharpness + 100.0)


def _unit(embeddings: NDArray[np.object_]) -> NDArray[np.float32]:
    raw = np.stack(list(embeddings)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)
