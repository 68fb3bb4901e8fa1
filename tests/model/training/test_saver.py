"""Checkpoints are written beside the training: of the step they are taken at, whole when it ends, in whatever way."""

import filecmp
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model.dataset.dataset import Dataset
from model.errors import Preempted, UserError
from model.training.checkpoint import Progress, checkpoints, write_checkpoint
from model.training.phases import Phase
from model.training.saver import Saver
from model.training.trainer import Trainer
from tests.model.training.tiny_job import PHASES, tiny_trainer

FILES = ("weights.safetensors", "optimiser.safetensors", "progress.json")
NAME = "step-0000004"  # of the first checkpoint
SECONDS = 60  # after which what waits for another thread gives up
SHORT = PHASES[0].model_copy(update={"steps": 7})


class Watcher:
    """Sees each step begin; at one it lets the writer go on, or ends the training."""

    def __init__(self, free_at: int = -1, fail_at: int = -1) -> None:
        self.free_at, self.fail_at, self.free = free_at, fail_at, threading.Event()

    def before(self, step: int, _phase: Phase, _trainer: Trainer) -> None:
        if step == self.free_at:
            self.free.set()
        if step == self.fail_at:
            self.free.set()
            raise KeyError

    def point(self, *_: object) -> None:
        pass


def held(patch: pytest.MonkeyPatch, watcher: Watcher) -> list[bool]:
    """Let checkpoints be written no sooner than the watcher says; whether each was waited for in vain."""
    freed = []

    def write(folder: Path, files: Mapping[str, dict[str, Tensor]], progress: dict[str, Any]) -> None:
        freed.append(watcher.free.wait(SECONDS))
        write_checkpoint(folder, files, progress)

    patch.setattr("model.training.saver.write_checkpoint", write)
    return freed


def test_steps_go_on_while_a_checkpoint_is_written_which_is_that_of_its_own_step(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_trainer(dataset, tmp_path / "plain", (SHORT,)).train()
    watcher: Any = Watcher(free_at=6)
    freed = held(monkeypatch, watcher)
    tiny_trainer(dataset, tmp_path / "held", (SHORT,)).train(watch=watcher)
    assert freed == [True, True]
    plain, late = (tmp_path / name / "checkpoints" / NAME for name in ("plain", "held"))
    assert filecmp.cmpfiles(plain, late, FILES, shallow=False) == (list(FILES), [], [])


def test_a_training_that_is_asked_to_stop_waits_for_its_checkpoint(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, watcher = tiny_trainer(dataset, tmp_path, (SHORT,)), Watcher()
    held(monkeypatch, watcher)
    threading.Timer(1, watcher.free.set).start()
    with pytest.raises(Preempted):
        trainer.train(iter([False] * 4 + [True]).__next__)
    assert [place.name for place in checkpoints(tmp_path / "checkpoints")] == [NAME, "step-0000005"]


def test_a_checkpoint_of_the_step_at_which_a_training_is_asked_to_stop_is_written_once(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher()
    watcher.free.set()
    written = held(monkeypatch, watcher)
    with pytest.raises(Preempted, match="after step 4 of 7"):
        tiny_trainer(dataset, tmp_path, (SHORT,)).train(iter([False] * 3 + [True]).__next__)
    assert len(written) == 1


def test_nonsense_while_a_checkpoint_is_written_leaves_it_whole(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, watcher = tiny_trainer(dataset, tmp_path, (SHORT,)), Watcher()
    held(monkeypatch, watcher)

    def spoil(_module: torch.nn.Module, _inputs: object, output: Tensor) -> Tensor:
        if trainer.progress.step < 4:
            return output
        threading.Timer(1, watcher.free.set).start()
        return output * float("nan")

    trainer.model.backbone.proj_out.register_forward_hook(spoil)
    with pytest.raises(UserError, match="at step 5; the checkpoint before it is kept"):
        trainer.train()
    assert [place.name for place in checkpoints(tmp_path / "checkpoints")] == [NAME]


def test_a_training_that_fails_leaves_nothing_that_still_writes(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher: Any = Watcher(fail_at=5)
    held(monkeypatch, watcher)
    with pytest.raises(KeyError):
        tiny_trainer(dataset, tmp_path, (SHORT,)).train(watch=watcher)
    assert [place.name for place in checkpoints(tmp_path / "checkpoints")] == [NAME]


def test_what_keeps_a_checkpoint_from_being_written_is_told_as_soon_as_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("no folder")
    module = torch.nn.Linear(2, 2)
    saver = Saver(tmp_path / "checkpoints", writes=True)
    saver.check()
    with saver:
        saver.save(module, torch.optim.AdamW(module.parameters()), Progress(1, []))
    with pytest.raises(OSError, match="checkpoints"):
        saver.check()
    saver.check()


def test_a_process_that_does_not_write_holds_nothing(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    saver = Saver(tmp_path / "checkpoints", writes=False)
    saver.save(module, torch.optim.AdamW(module.parameters()), Progress(1, []))
    saver.wait()
    assert (saver.files, saver.step) == ({}, 1)
    assert not list(tmp_path.iterdir())
