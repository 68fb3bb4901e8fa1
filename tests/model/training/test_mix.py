"""The data mix: shares by weight whatever the folders hold, the innermost folder counts, the same batch every time."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.dataset.dataset import Dataset
from model.errors import UserError
from model.training.batches import Batches
from model.training.data import TrainingSet, training_set
from model.training.mix import chances, refuse_empty_folders
from model.training.phases import Phase
from tests.model.training.tiny_job import BUCKETS

PHASE = Phase(name="quality", steps=1, learning_rate=1, mix={"scenes": 3, "portraits": 1})


@dataclass(frozen=True)
class Photo:
    """What a mix looks at."""

    path: str


@pytest.fixture(scope="module")
def data(dataset: Dataset) -> TrainingSet:
    return training_set(dataset, BUCKETS)


@given(
    photos=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
)
def test_a_folder_has_the_share_of_its_weight_however_many_photos_it_holds(
    photos: list[int], weights: list[float]
) -> None:
    folders = ("faces", "faces/drawn", ".")
    places = [place for place, count in zip(folders, photos, strict=True) for _ in range(count)]
    found = chances([Photo(f"{place}/deep/{n}.jpg") for n, place in enumerate(places)], dict(zip(folders, weights)))  # type: ignore[misc]
    for place, weight, count in zip(folders, weights, photos, strict=True):
        own = found[np.array(places) == place]
        assert own == pytest.approx(np.full(count, weight / sum(weights) / count))


def test_a_photo_in_no_folder_of_the_mix_rests_and_names_are_whole() -> None:
    photos = [Photo(path) for path in ("a/1.jpg", "ab/2.jpg", "b/a/3.jpg", "4.jpg")]
    assert chances(photos, {"a": 7.0}).tolist() == [1, 0, 0, 0]  # type: ignore[arg-type]


def test_batches_hold_the_folders_by_weight_in_one_size_each(data: TrainingSet) -> None:
    batches = Batches(data, None, size=4, seed=1)  # type: ignore[arg-type]
    seen: Counter[str] = Counter()
    for number in range(1500):
        chosen = [data.targets[index] for index in batches._drawn(number, PHASE)]
        assert len({target.size for target in chosen}) == 1
        seen.update(target.path for target in chosen)
    scenes = [path for path in seen if path.startswith("scenes/")]
    assert sum(seen[path] for path in scenes) / 6000 == pytest.approx(0.75, abs=0.03)
    assert [seen[path] for path in scenes] == pytest.approx([4500 / len(scenes)] * len(scenes), rel=0.15)
    assert set(seen) == {target.path for target in data.targets}


def test_a_mixed_batch_is_a_function_of_seed_and_number(data: TrainingSet) -> None:
    one, two, other = (Batches(data, None, size=4, seed=seed) for seed in (1, 1, 2))  # type: ignore[arg-type]
    two._drawn(9, PHASE.model_copy(update={"mix": {".": 1.0}}))
    drawn = [one._drawn(number, PHASE) for number in range(20)]
    assert [two._drawn(number, PHASE) for number in reversed(range(20))][::-1] == drawn
    assert [other._drawn(number, PHASE) for number in range(20)] != drawn


def test_a_folder_without_training_photos_is_refused_with_those_that_have_some(data: TrainingSet) -> None:
    refuse_empty_folders(data.targets, [PHASE, PHASE.model_copy(update={"mix": {}})])
    wrong = PHASE.model_copy(update={"mix": {"portraits/": 1.0}})
    with pytest.raises(UserError, match=r"of 'quality' names the folder 'portraits/', .*'\.', 'portraits', 'scenes'"):
        refuse_empty_folders(data.targets, [wrong])
    hidden = PHASE.model_copy(update={"mix": {"scenes": 1.0, "scenes/paired": 1.0}})
    with pytest.raises(UserError, match="'scenes', to which no training photo counts"):
        refuse_empty_folders(data.targets, [hidden])


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan"), "1"])
def test_a_weight_is_a_positive_number(weight: object) -> None:
    with pytest.raises(ValidationError):
        Phase.model_validate({"name": "a", "steps": 1, "learning_rate": 1, "mix": {"portraits": weight}})
