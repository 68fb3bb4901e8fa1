"""Sample pictures of a training: one for each number of people, the same every time the adapter is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from components.training.samples import sampler, scenes
from model.presets import nano
from model.training.patches import compute_patches
from tests.model.tiny import BOTH, tiny_adapter, tiny_autoencoder, tiny_tower
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import encode_text, tiny_trainer


class Text:
    encode = staticmethod(encode_text)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("components.training.samples.load_autoencoder", lambda _chosen: tiny_autoencoder())
    monkeypatch.setattr("components.training.samples.load_text", lambda _chosen, _device: Text())


def test_samples_follow_the_adapter_and_leave_it_training(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "dataset")
    trainer = tiny_trainer(dataset, tmp_path / "work")
    draw = sampler(dataset, trainer, replace(nano(), steps=2))
    first = [np.asarray(picture) for picture in draw()]
    assert len(first) == len({len(target.faces) for target in trainer.batches.data.targets})
    assert all((np.asarray(again) == picture).all() for again, picture in zip(draw(), first, strict=True))
    assert trainer.adapter.training
    for attention in trainer.adapter.attentions():
        torch.nn.init.normal_(attention.to_out.weight, std=0.3)
    assert any((np.asarray(later) != picture).any() for later, picture in zip(draw(), first, strict=True))


def test_samples_of_a_siglip_branch_are_drawn_from_the_faces(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "dataset")
    trainer = tiny_trainer(dataset, tmp_path / "work")
    trainer.adapter = tiny_adapter(sizes=replace(BOTH, branches=("sig",)))
    pictures = []
    for seed in (0, 1):  # of two towers, which see two looks
        rows, store = trainer.batches.data.reference_rows(), tmp_path / "store"
        trainer.batches.patches = compute_patches(dataset, rows, tiny_tower(seed), store)
        pictures.append(np.asarray(sampler(dataset, trainer, replace(nano(), steps=2))()[0]))
    assert (pictures[0] != pictures[1]).any()


def test_samples_of_an_editing_preset_are_shown_the_blurred_targets(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "dataset")
    trainer = tiny_trainer(dataset, tmp_path / "work", edits=True)
    for request in scenes(dataset, trainer.batches, edits=True):
        target = next(t for t in trainer.batches.data.targets if t.caption == request.prompt)
        assert request.shown is not None
        changed = (request.shown != target.picture(dataset)).any(-1)
        for x1, y1, x2, y2 in target.boxes.astype(int).tolist():
            assert changed[y1:y2, x1:x2].mean() > 0.9
    assert len(sampler(dataset, trainer, replace(nano(), steps=2, edits=True))()) == 2
