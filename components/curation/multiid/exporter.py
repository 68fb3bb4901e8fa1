"""A curated dataset becomes a release in MultiID-2M's layout, byte for byte the same each time.

People are numbers: their places, from 1, among the sorted names of the dataset's `identities.parquet`. No table of
names is written, and no query, for it may be a name. People who are held out for the benchmark, and photos that may
show them, stay out of every part.
"""

import io
import json
import os
import tarfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.curation.multiid.layout import CENTRES, MEMBERS, PAIRED, RECONSTRUCTION, REFERENCES
from model.artefacts import entangled, new_folder, write_json
from model.dataset.dataset import Dataset
from model.dataset.shards import ShardReader, add_member
from model.errors import UserError
from model.progress import track

PER_TAR = 1000  # samples


def export_release(folder: Path, out: Path, per_tar: int = PER_TAR) -> dict[str, int]:
    """Write the release `out`, which must not be there yet; returns the number of samples of each part.

    `ref` holds the bank photos of the people trained on, keyed `<person>/<photo>`, and their centres; `train_rec` every
    other photo of the split 'train', `train_cp` those of them in which everybody is known. UserError where `folder`
    is no dataset or nothing may be exported.
    """
    dataset = Dataset.open(folder)
    if os.path.lexists(out):
        raise UserError(f"the folder {out} is there already: give the name of a new folder")
    if entangled(folder, out):
        raise UserError(f"the folder {out} lies in the dataset {folder}, which would change: give one outside of it")
    numbers = {str(name): number for number, name in enumerate(sorted(dataset.identities.index), 1)}
    keys = _keys(dataset, numbers)
    if not any(keys.values()):
        raise UserError(f"the dataset {folder} has no photo of the split 'train': curate more photos")
    with new_folder(out) as draft, ShardReader(folder) as reader:
        _write_centres(dataset, numbers, draft / CENTRES)
        for part, samples in keys.items():
            _write_part(dataset, reader, numbers, draft / part, samples, per_tar)
        counts = {part: len(samples) for part, samples in keys.items()}
        facts = {"dataset": dataset.digest, "recogniser": dataset.manifest["recogniser"], "samples": counts}
        write_json(draft / "release.json", {"schema": 1, **facts})
    return counts


def _keys(dataset: Dataset, numbers: dict[str, int]) -> dict[str, list[tuple[str, str]]]:
    """The (key, photo id) pairs of each part, sorted."""
    photos = dataset.images[dataset.images["split"] == "train"]
    bank = dataset.faces[dataset.faces["role"] == "reference"].set_index("image_id")["identity"].to_dict()
    references, others, paired = [], [], []
    for image_id, faces, known in zip(photos["image_id"], photos["faces"], photos["known"], strict=True):
        if image_id in bank:
            references.append((numbers[str(bank[image_id])], image_id))
        else:
            others.append((str(image_id), str(image_id)))
            if faces and faces == known:
                paired.append((str(image_id), str(image_id)))
    keyed = [(f"{number}/{image_id}", str(image_id)) for number, image_id in sorted(references)]
    return {REFERENCES: keyed, RECONSTRUCTION: sorted(others), PAIRED: sorted(paired)}


def _write_centres(dataset: Dataset, numbers: dict[str, int], path: Path) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:", format=tarfile.USTAR_FORMAT) as tar:
        for name, person in sorted(dataset.identities.iterrows()):
            if person["split"] == "train":
                add_member(tar, f"{numbers[str(name)]}.npy", _npy(np.asarray(person["centre"], np.float32)))


def _write_part(
    dataset: Dataset,
    reader: ShardReader,
    numbers: dict[str, int],
    folder: Path,
    samples: Sequence[tuple[str, str]],
    per_tar: int,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    numbered = enumerate(track(samples, folder.name, unit="photo"))
    for number, inside in groupby(numbered, lambda sample: sample[0] // per_tar):
        with tarfile.open(folder / f"re_{number:06d}.tar", "w:", format=tarfile.USTAR_FORMAT) as tar:
            for _, (key, image_id) in inside:
                photo, faces = dataset.image_row(image_id), dataset.faces_of(image_id)
                jpg = reader.member(str(photo["shard"]), str(photo["key"]), "jpg")
                for suffix, data in zip(MEMBERS, (jpg, *_described(photo, faces, numbers)), strict=True):
                    add_member(tar, f"{key}.{suffix}", data)


def _described(photo: dict[Any, Any], faces: pd.DataFrame, numbers: dict[str, int]) -> tuple[bytes, bytes]:
    """The `.json` and the `.npy` of a photo; `aesthetics_score` is there where it was measured."""
    boxes = [[round(float(value), 2) for value in box] for box in faces["box"]]
    names = [None if pd.isna(name) else str(numbers[str(name)]) for name in faces["identity"]]
    said = {
        "url": photo["source"],
        "bboxes": boxes,
        "name": names,
        "caption_en": photo["caption"],
        "licence": photo["licence"],
        "consent": photo["consent"],
    }
    if pd.notna(photo["aesthetic"]):
        said["aesthetics_score"] = float(photo["aesthetic"])
    embeddings = (
        np.stack([np.asarray(value, np.float32) for value in faces["embedding"]]) if len(faces) else np.zeros(0)
    )
    arrays = np.array({"embeddings": embeddings, "bboxes": boxes}, dtype=object)
    return json.dumps(said, sort_keys=True, ensure_ascii=False, allow_nan=False).encode(), _npy(arrays)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
