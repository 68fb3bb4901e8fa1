"""The trainer: it learns, it goes on from a kill bit for bit, it stops at nonsense, it counts batches right."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.dataset.dataset import Dataset
from model.errors import UserError
from model.training.checkpoint import checkpoints
from model.training.trainer import Loop
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import PHASES, tiny_trainer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    torch.set_num_threads(1)
    return tiny_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.mark.parametrize("moment", ["step", "saving"])
def test_a_killed_training_goes_on_bit_for_bit(dataset: Dataset, tmp_path: Path, moment: str) -> None:
    curve = tiny_trainer(dataset, tmp_path / "whole").train()
    job = [sys.executable, "-m", "tests.model.training.tiny_job"]
    command = [*job, str(dataset.folder), str(tmp_path / "killed"), moment]
    killed = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = tiny_trainer(dataset, tmp_path / "killed")
    assert resumed.progress.step == 4
    assert resumed.train() == curve
    for file in ("weights", "optimiser"):
        last = f"checkpoints/step-0000016/{file}.safetensors"
        one, other = load_file(tmp_path / "whole" / last), load_file(tmp_path / "killed" / last)
        assert one.keys() == other.keys()
        assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert [path.name for path in checkpoints(tmp_path / "killed/checkpoints")] == ["step-0000012", "step-0000016"]


def test_a_phase_without_identity_losses_decodes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    trainer = tiny_trainer(dataset, tmp_path)
    curve = trainer.train()
    assert [("identity" in row) for row in curve] == [False] * 4 + [True] * 4
    assert [row["phase"] for row in curve] == ["first"] * 4 + ["second"] * 4
    assert trainer.train() == curve


def test_nonsense_stops_the_training_and_keeps_the_last_good_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    trainer = tiny_trainer(dataset, tmp_path)
    calls = 0

    def spoil(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return output * float("nan") if calls == 7 else output

    trainer.model.backbone.proj_out.register_forward_hook(spoil)
    with pytest.raises(UserError, match="flow, gradient, total is not finite at step 7"):
        trainer.train()
    kept = checkpoints(tmp_path / "checkpoints")
    assert [folder.name for folder in kept] == ["step-0000004"]
    assert all(tensor.isfinite().all() for tensor in load_file(kept[0] / "weights.safetensors").values())


def test_accumulated_batches_are_averaged(dataset: Dataset, tmp_path: Path) -> None:
    one = (PHASES[0].model_copy(update={"steps": 1, "warmup": 0}),)
    trainer = tiny_trainer(dataset, tmp_path, one, accumulate=3)
    losses = []
    seen = trainer.model.register_forward_hook(lambda _m, inputs, _out: losses.append(inputs[1]))
    curve = trainer.train()
    seen.remove()
    assert len(losses) == 3
    first = trainer.batches.batch(0, one[0])
    assert torch.equal(losses[0].noise, first.noise)
    assert not torch.equal(losses[1].noise[0], first.noise[0])
    assert curve[0]["step"] == 1


def test_checkpoints_fall_on_points_of_the_curve() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Loop(PHASES, checkpoint_every=5, report_every=2)
