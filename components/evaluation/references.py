"""What a case is drawn from: embeddings, patches for a model with a SigLIP branch, the photo for one that edits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.artefacts import cache_folder
from model.dataset.dataset import Dataset
from model.editing import faces_blurred
from model.training.feature_files import FEATURES
from validation.benchmark.cases import Case

if TYPE_CHECKING:
    from model.siglip import VisionTower


@dataclass(frozen=True)
class References:
    """Of a case's P people: raw embeddings [P, d] and, for a SigLIP branch, patches [P, n, f].

    `shown` [H, W, 3] is what a model that edits is shown: the ground truth with their faces blurred.
    """

    embeddings: NDArray[np.float32]
    patches: NDArray[np.float32] | None = None
    shown: NDArray[np.uint8] | None = None


def dataset_references(
    dataset: Dataset, cases: Sequence[Case], tower: "VisionTower | None" = None
) -> dict[str, References]:
    """The references of each case, by case id: the stored embeddings, and what `tower` sees in the same faces.

    Patches are kept by content, where trainings keep them.
    """
    numbers = {str(name): row for row, name in enumerate(dataset.faces["face_id"])}
    rows = [[numbers[person.reference] for person in case.people] for case in cases]
    patches: Sequence[NDArray[np.float32] | None] = [None] * len(cases)
    if tower is not None:
        from model.training.patches import compute_patches

        seen = compute_patches(dataset, (row for chosen in rows for row in chosen), tower, cache_folder(FEATURES))
        patches = [seen.of(chosen).float().numpy() for chosen in rows]
    return {
        case.case_id: References(dataset.embeddings[chosen], looks, _shown(dataset, case) if case.edits else None)
        for case, chosen, looks in zip(cases, rows, patches, strict=True)
    }


def _shown(dataset: Dataset, case: Case) -> NDArray[np.uint8]:
    """The ground truth as it is to be drawn, with the faces of the case's people blurred."""
    return faces_blurred(case.placement.image(dataset.image(case.case_id)), case.boxes())
