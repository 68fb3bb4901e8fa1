"""What the people of a case are drawn from: embeddings, and patches for a model with a SigLIP branch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.artefacts import cache_folder
from model.dataset.dataset import Dataset
from model.training.feature_files import FEATURES
from validation.benchmark.cases import Case

if TYPE_CHECKING:
    from model.siglip import VisionTower


@dataclass(frozen=True)
class References:
    """Of a case's P people: raw embeddings [P, d] and, for a SigLIP branch, patches [P, n, f]."""

    embeddings: NDArray[np.float32]
    patches: NDArray[np.float32] | None = None


def dataset_references(
    dataset: Dataset, cases: Iterable[Case], tower: "VisionTower | None" = None
) -> dict[str, References]:
    """The references of each case, by case id: the stored embeddings, and what `tower` sees in the same faces.

    Patches are kept by content, where trainings keep them.
    """
    numbers = {str(name): row for row, name in enumerate(dataset.faces["face_id"])}
    rows = {case.case_id: [numbers[person.reference] for person in case.people] for case in cases}
    if tower is None:
        return {name: References(dataset.embeddings[chosen]) for name, chosen in rows.items()}
    from model.training.patches import compute_patches

    seen = compute_patches(dataset, (row for chosen in rows.values() for row in chosen), tower, cache_folder(FEATURES))
    return {
        name: References(dataset.embeddings[chosen], seen.of(chosen).float().numpy()) for name, chosen in rows.items()
    }
