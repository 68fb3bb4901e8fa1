"""Pretraining of backbone and adapter: what is switched off stays off, and each stage trains what it says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.pretraining import backbone
from model.pretraining.loop import Plan
from model.training.step import AdaptedBackbone
from tests.model.tiny import tiny_adapter, tiny_backbone

EVERYWHERE = backbone.IDENTITY_PHASE.model_copy(update={"gate_from": 0.0})


def test_a_picture_switched_off_is_the_backbones_alone(source: backbone.Source) -> None:
    batch = backbone.switched_off(source.batches.batch(0, EVERYWHERE), torch.tensor([True, False, True, False]))
    alone = AdaptedBackbone(tiny_backbone(), tiny_adapter(trained=False))(batch.clean, batch)
    both = AdaptedBackbone(tiny_backbone(), tiny_adapter())(batch.clean, batch)
    changed = (both - alone).abs().amax((1, 2)) > 0
    assert changed.tolist() == [False, True, False, True]
    assert batch.decoded.tolist() == [False, True, False, True]


def test_both_learn_in_all_stages(source: backbone.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "FLOW", Plan(steps=3, learning_rate=1e-2))
    monkeypatch.setattr(backbone, "IDENTITY", Plan(steps=3, learning_rate=1e-2))
    monkeypatch.setattr(backbone, "DRAWN", Plan(steps=2, learning_rate=1e-2))
    model = AdaptedBackbone(tiny_backbone().requires_grad_(True), tiny_adapter(trained=False))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    backbone.train(model, [source, source], tmp_path)
    end = model.state_dict()
    for part in ("backbone", "adapter"):
        for name, value in load_file(tmp_path / f"{part}.safetensors").items():
            assert value.dtype == torch.float16
            torch.testing.assert_close(end[f"{part}.{name}"], value.float(), rtol=1e-3, atol=1e-4)
    for name in ("backbone.proj_out.weight", "adapter.ipa_arc.0.to_out.weight"):
        assert not torch.equal(end[name], start[name])
    assert {folder.name for folder in tmp_path.iterdir() if folder.is_dir()} == {"flow", "identity", "drawn"}


def test_a_stage_begins_with_the_same_critics_whether_those_before_ran_in_this_process(
    source: backbone.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in ("FLOW", "IDENTITY", "DRAWN"):
        monkeypatch.setattr(backbone, stage, Plan(steps=1, learning_rate=1e-2))
    ends = []
    for _ in range(2):
        model = AdaptedBackbone(tiny_backbone().requires_grad_(True), tiny_adapter(trained=False))
        backbone.train(model, [source], tmp_path)
        ends.append(load_file(tmp_path / "drawn" / "state.safetensors"))
        (tmp_path / "drawn" / "state.safetensors").unlink()
    assert all(torch.equal(ends[1][name], tensor) for name, tensor in ends[0].items())


def test_the_loss_is_the_trainings_own(source: backbone.Source) -> None:
    model = AdaptedBackbone(tiny_backbone(), tiny_adapter())
    found = backbone._loss(model, [source], EVERYWHERE)(2, np.random.default_rng(0))
    assert {"loss", "flow", "identity", "contrastive"} <= found.keys()
    assert all(torch.isfinite(value) for value in found.values())
