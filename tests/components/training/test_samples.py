"""Sample pictures of a training: one for each number of people, the same every time the adapter is."""

from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from components.training.samples import sampler, scenes
from model.presets import nano
from model.training.patches import compute_patches
from model.training.step import recompute
from model.training.watch import Watch
from tests.model.tiny import BOTH, tiny_adapter, tiny_tower
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import PHASES, tiny_trainer


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


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


def test_samples_show_their_own_people_where_blocks_are_recomputed(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "dataset")
    trainer = tiny_trainer(dataset, tmp_path / "work", PHASES[:1])
    recompute(trainer.whole.backbone, 1)
    draw = sampler(dataset, trainer, replace(nano(), steps=2))
    trainer.train(watch=Watch(tmp_path / "live", draw, samples_every=8))
    assert (tmp_path / "live" / "samples" / "step-0000008.png").is_file()
    assert not any(module._forward_hooks for module in trainer.whole.backbone.modules())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_samples_are_computed_in_the_precision_of_the_steps(tmp_path: Path, kind: torch.dtype) -> None:
    dataset = tiny_dataset(tmp_path / "dataset")
    trainer = tiny_trainer(dataset, tmp_path / "work", PHASES[:1])
    trainer.autocast = partial(torch.autocast, "cpu", torch.bfloat16)
    trainer.whole.backbone.to(kind)
    seen = defaultdict[str, set[tuple[torch.dtype, bool]]](set)

    def watch(name: str, network: nn.Module) -> None:
        def note(_module: object, _inputs: object, output: torch.Tensor) -> None:
            seen[name].add((output.dtype, torch.is_autocast_enabled("cpu")))

        network.register_forward_hook(note)

    for name, network in trainer.whole.named_modules():
        if isinstance(network, nn.Linear | nn.LayerNorm):
            watch(name, network)
    trainer.loss(0, PHASES[0])
    trained = dict(seen)
    seen.clear()
    watch("picture", trainer.judges.autoencoder.decoder)
    sampler(dataset, trainer, replace(nano(), steps=2))()
    assert seen.pop("picture") == {(torch.float32, False)}
    assert dict(seen) == trained
    assert trained["adapter.ipa_arc.0.to_kv"] == {(torch.bfloat16, True)}
    assert trained["backbone.proj_out"] == {(torch.bfloat16, kind == torch.float32)}


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
