"""Patches of face crops in training: those of the references, kept by content, learned from with the rest."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from model.dataset.dataset import Dataset
from model.losses.bank import IdentityBank
from model.siglip import VisionTower, face_crop
from model.training.batches import Batches
from model.training.cache import compute_features
from model.training.data import training_set
from model.training.feature_files import forget_features
from model.training.patches import compute_patches
from model.training.phases import Phase
from model.training.step import Judges
from model.training.trainer import Loop, Trainer
from tests.model.tiny import BOTH, TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone, tiny_tower
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS, encode_text

PHASE = Phase(name="both", steps=3, learning_rate=1e-2, warmup=0, paired=1, fixed_prompt=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    torch.set_num_threads(1)
    return tiny_dataset(tmp_path_factory.mktemp("data"))


def batches(dataset: Dataset, store: Path) -> Batches:
    data = training_set(dataset, BUCKETS)
    features = compute_features(dataset, data, tiny_autoencoder(), TinyRecogniser(), encode_text, "tiny", store)
    return Batches(data, features, 4, 5, compute_patches(dataset, data.reference_rows(), tiny_tower(), store))


def test_a_batch_has_the_patches_of_the_faces_whose_embeddings_it_has(dataset: Dataset, tmp_path: Path) -> None:
    rows = {tuple(row.tolist()): number for number, row in enumerate(dataset.embeddings)}
    batch = batches(dataset, tmp_path).batch(0, PHASE)
    assert batch.patches is not None
    assert batch.patches.shape == (*batch.embeddings.shape[:2], BOTH.patches, BOTH.features)
    for embeddings, patches in zip(batch.embeddings, batch.patches, strict=True):
        for embedding, found in zip(embeddings, patches, strict=True):
            row = rows.get(tuple(embedding.tolist()))
            if row is None:
                assert not found.any()
                continue
            face = dataset.faces.iloc[row]
            crop = face_crop(dataset.image(face["image_id"]), np.asarray(face["box"], np.float32))
            torch.testing.assert_close(found, tiny_tower().patches([crop])[0])


def test_patches_are_computed_once_for_each_tower(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, looked = training_set(dataset, BUCKETS), []
    plain = VisionTower.patches

    def watched(self: VisionTower, crops: list[object]) -> Tensor:
        looked.append(len(crops))
        return plain(self, crops)  # type: ignore[arg-type]

    monkeypatch.setattr(VisionTower, "patches", watched)
    first = compute_patches(dataset, data.reference_rows(), tiny_tower(), tmp_path)
    assert sum(looked) == len(first.files)
    assert compute_patches(dataset, data.reference_rows(), tiny_tower(), tmp_path) == first
    assert sum(looked) == len(first.files)
    assert not set(compute_patches(dataset, data.reference_rows(), tiny_tower(1), tmp_path).files.values()) & set(
        first.files.values()
    )


def test_patches_of_a_forgotten_photo_are_deleted_with_its_features(dataset: Dataset, tmp_path: Path) -> None:
    files = compute_patches(dataset, training_set(dataset, BUCKETS).reference_rows(), tiny_tower(), tmp_path).files
    forgotten = str(dataset.faces.iloc[next(iter(files))]["image_id"])
    assert forget_features([forgotten], tmp_path) > 0
    gone = {row for row, file in files.items() if not file.is_file()}
    assert gone == {row for row in files if dataset.faces.iloc[row]["image_id"] == forgotten}


def test_both_branches_are_trained_together_through_the_trainer(dataset: Dataset, tmp_path: Path) -> None:
    whole = batches(dataset, tmp_path)
    data = whole.data
    bank = IdentityBank.of(torch.from_numpy(data.embeddings[data.bank_rows]), torch.from_numpy(data.bank_codes))
    adapter = tiny_adapter(sizes=BOTH)
    before = {name: tensor.clone() for name, tensor in adapter.state_dict().items()}
    judges = Judges(tiny_autoencoder(), TinyRecogniser(), bank)
    Trainer(tiny_backbone(), adapter, judges, whole, Loop((PHASE,)), tmp_path / "work", Accelerator(cpu=True)).train()
    assert [name for name, tensor in adapter.state_dict().items() if torch.equal(tensor, before[name])] == []
