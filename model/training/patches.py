"""What the vision tower sees in faces of a dataset, computed once and kept by content."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from model.artefacts import digest_of
from model.dataset.dataset import Dataset
from model.progress import track
from model.siglip import VisionTower, face_crop
from model.training.cache import put, read, weights_digest
from model.training.feature_files import ALL, Share, feature_file
from model.training.photo_digests import photo_digests

CHUNK = 32


@dataclass(frozen=True)
class Patches:
    """The file of each face that may stand for somebody, by its row among the dataset's faces."""

    files: dict[int, Path]

    def of(self, rows: Sequence[int]) -> Tensor:
        """The patches [n, P, features] of n faces."""
        return torch.stack([read(self.files[row])["patches"] for row in rows])


def compute_patches(
    dataset: Dataset, rows: Iterable[int], tower: VisionTower, store: Path, share: Share = ALL
) -> Patches:
    """The patches of the faces of these rows; what `store` lacks of this process's `share` is put there."""
    network = weights_digest(nn.ModuleList([tower.model]))  # alone it has a config that names its folder
    wanted = sorted(set(rows))
    image_ids, boxes = dataset.faces["image_id"].iloc[wanted].to_list(), dataset.faces["box"].iloc[wanted].to_list()
    photos = photo_digests(dataset, image_ids, store)
    files = {
        row: feature_file(store, image_id, digest_of(network, photos[image_id], [float(value) for value in box]))
        for row, image_id, box in zip(wanted, image_ids, boxes, strict=True)
    }
    parts = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    missing = share.missing([[files[row] for row in part] for part in parts])  # whole batches: see cache.py
    for part in track([parts[number] for number in missing], "looking at faces", unit="batches"):
        for row, patches in zip(part, tower.patches([_crop(dataset, row) for row in part]).cpu(), strict=True):
            put(files[row], {"patches": patches})
    return Patches(files)


def _crop(dataset: Dataset, row: int) -> Image:
    face = dataset.faces.iloc[row]
    return face_crop(dataset.image(str(face["image_id"])), np.asarray(face["box"], np.float32))
