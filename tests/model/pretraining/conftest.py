"""What pretraining is tried on: a tiny dataset's batches with their judges and a detector."""

import pytest
import torch

from model.pretraining.backbone import Source
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import tiny_trainer


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("source")
    trainer = tiny_trainer(tiny_dataset(folder / "dataset"), folder / "work")
    return Source(trainer.batches, trainer.judges)
