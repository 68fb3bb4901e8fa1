"""The small dataset that jobs are trained on."""

import pytest
import torch

from model.dataset.dataset import Dataset
from tests.model.training.tiny_dataset import tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    torch.set_num_threads(1)
    return tiny_dataset(tmp_path_factory.mktemp("dataset"))
