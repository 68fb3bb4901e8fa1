"""Tags: the network is the one of the weights, and drawn grids and portraits get the labels a person would give."""

import numpy as np
import torch
from numpy.typing import NDArray

from components.curation.efficientnet import logits
from components.curation.tags import FLOOR, TAGS, TagExaminer, class_names
from model.weights import weight
from tests.faces import portraits


def crossword() -> NDArray[np.uint8]:
    """A drawn crossword puzzle [300, 300, 3]."""
    rng = np.random.default_rng(4)
    cells = np.kron(rng.random((15, 15)) < 0.75, np.ones((20, 20), bool))
    page = np.where(cells, 255, 0).astype(np.uint8)
    page[::20] = page[:, ::20] = 0
    return np.repeat(page[..., None], 3, 2)


def test_a_crossword_is_one_and_a_portrait_is_none() -> None:
    puzzle, portrait = TagExaminer().examine([crossword(), portraits()[0]])
    assert puzzle["tags"][0][0] == "crossword puzzle"
    assert puzzle["tags"][0][1] > 0.9
    assert "crossword puzzle" not in dict(portrait["tags"])


def test_tags_are_few_sure_and_sorted() -> None:
    for marks in TagExaminer().examine(list(portraits())):
        chances = [chance for _, chance in marks["tags"]]
        assert len(chances) <= TAGS
        assert all(chance >= FLOOR for chance in chances)
        assert chances == sorted(chances, reverse=True)


def test_each_class_has_a_name() -> None:
    names = class_names()
    assert (len(names), names[0], names[917]) == (1000, "tench", "comic book")


def test_every_tensor_of_the_weights_is_used() -> None:
    from safetensors.torch import load_file

    used: set[str] = set()

    class Watched(dict[str, torch.Tensor]):
        def __getitem__(self, key: str) -> torch.Tensor:
            used.add(key)
            return super().__getitem__(key)

    tensors = Watched(load_file(weight("efficientnet-lite0")))
    assert logits(tensors, torch.zeros(2, 3, 224, 224)).shape == (2, 1000)
    assert {name for name in tensors if not name.endswith("num_batches_tracked")} == used
