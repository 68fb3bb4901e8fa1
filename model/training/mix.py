"""The data mix of a phase: how often photos of each corpus are shown, a corpus being a folder of the photo folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from model.errors import UserError
from model.training.data import Target
from model.training.phases import Phase

NAMED = 8  # folders that a refusal lists


def chances(targets: Sequence[Target], mix: Mapping[str, float]) -> NDArray[np.float64]:
    """The chance of each target to be drawn, [T] with sum 1: folders by their weights, photos of a folder evenly.

    A photo counts to the innermost folder of `mix` that it lies in, '.' being the whole photo folder; what lies in none
    of them is not drawn.
    """
    homes = [_home(target.path, mix) for target in targets]
    photos = Counter(homes)
    shares = np.array([mix[home] / photos[home] if home else 0.0 for home in homes])
    return np.asarray(shares / shares.sum())


def refuse_empty_folders(targets: Sequence[Target], phases: Sequence[Phase]) -> None:
    """Raise UserError where the mix of a phase names a folder that no training photo counts to."""
    for phase in (one for one in phases if one.mix):
        photos = Counter(_home(target.path, phase.mix) for target in targets)
        for folder in phase.mix:
            if not photos[folder]:
                there = Counter(str(place) for target in targets for place in PurePosixPath(target.path).parents)
                named = ", ".join(sorted(f"'{name}'" for name, _ in there.most_common(NAMED)))
                raise UserError(
                    f"train.phases: the mix of '{phase.name}' names the folder '{folder}', to which no training photo "
                    f"counts; name folders of the photo folder, as {named}."
                )


def _home(path: str, mix: Mapping[str, float]) -> str | None:
    return next((name for name in map(str, PurePosixPath(path).parents) if name in mix), None)
