"""The trainer: it learns, it goes on from a kill bit for bit, it stops at nonsense, it counts batches right."""

import logging
import os
import random
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from components.shell import sentence_of
from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.errors import PREEMPTED, Preempted, UserError
from model.training import checkpoint
from model.training.checkpoint import checkpoints
from model.training.preemption import asked_to_stop
from model.training.watch import Watch
from tests.forks import PAIR
from tests.model.training.tiny_job import PHASES, same_end, start, tiny_trainer


class Whole(NamedTuple):
    """A finished job's curve and folder."""

    curve: list[dict[str, Any]]
    work: Path


@pytest.fixture(scope="module")
def whole(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The job that nothing interrupts."""
    work = tmp_path_factory.mktemp("whole")
    return Whole(tiny_trainer(dataset, work).train(), work)


def test_a_job_killed_at_random_steps_goes_on_bit_for_bit(dataset: Dataset, tmp_path: Path, whole: Whole) -> None:
    draws = random.SystemRandom()
    kills = [draws.randint(1, 8) for _ in range(2)]
    for number in kills:
        assert start(dataset, tmp_path, "kill", number) == -signal.SIGKILL, kills
    assert tiny_trainer(dataset, tmp_path).train() == whole.curve, kills
    assert same_end(whole.work, tmp_path), kills


def test_a_job_killed_while_saving_goes_on_from_the_checkpoint_before(
    dataset: Dataset, tmp_path: Path, whole: Whole
) -> None:
    assert start(dataset, tmp_path, "saving", 8) == -signal.SIGKILL
    resumed = tiny_trainer(dataset, tmp_path)
    assert resumed.progress.step == 4
    assert resumed.train() == whole.curve
    assert same_end(whole.work, tmp_path)
    assert [path.name for path in checkpoints(tmp_path / "checkpoints")] == ["step-0000012", "step-0000016"]


def test_a_disk_that_is_full_is_told_and_the_checkpoint_before_is_gone_on_from(
    dataset: Dataset, tmp_path: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = tiny_trainer(dataset, tmp_path)

    def onto_a_full_disk(tensors: dict[str, torch.Tensor], file: Path) -> None:
        save_file(tensors, file)
        if "step-0000008" in str(file):
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", onto_a_full_disk)
        with pytest.raises(OSError, match="No space left on device") as told:
            trainer.train()
    assert str(sentence_of(told.value)).startswith(f"The disk is full at {tmp_path / 'checkpoints' / 'step-0000008'}: ")
    resumed = tiny_trainer(dataset, tmp_path)
    assert resumed.progress.step == 4
    assert resumed.train() == whole.curve
    assert same_end(whole.work, tmp_path)


@pytest.mark.parametrize("file", ["weights.safetensors", "optimiser.safetensors", "progress.json"])
@pytest.mark.parametrize("harm", [lambda file: os.truncate(file, 100), Path.unlink], ids=["cut off", "gone"])
def test_a_damaged_checkpoint_is_named_and_without_it_the_one_before_is_gone_on_from(
    dataset: Dataset, tmp_path: Path, whole: Whole, file: str, harm: Callable[[Path], None]
) -> None:
    shutil.copytree(whole.work, tmp_path, dirs_exist_ok=True)
    damaged = checkpoints(tmp_path / "checkpoints")[-1]
    harm(damaged / file)
    with pytest.raises(UserError, match=rf"checkpoint .*{damaged / file}.*; delete {damaged}, and start again"):
        tiny_trainer(dataset, tmp_path)
    shutil.rmtree(damaged)
    assert tiny_trainer(dataset, tmp_path).train() == whole.curve


def test_sigterm_saves_after_the_running_step_and_says_preempted(
    dataset: Dataset, tmp_path: Path, whole: Whole
) -> None:
    assert start(dataset, tmp_path, "term", 5) == PREEMPTED
    resumed = tiny_trainer(dataset, tmp_path)
    assert resumed.progress.step == 5
    assert resumed.train() == whole.curve
    assert same_end(whole.work, tmp_path)


@pytest.mark.parametrize("moment", ["saving", "drawing samples"])
def test_sigterm_while_a_checkpoint_is_written_or_samples_are_drawn_is_answered_after_the_running_step(
    dataset: Dataset, tmp_path: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def write(path: Path, value: dict[str, Any]) -> None:
        if moment == "saving":
            os.kill(os.getpid(), signal.SIGTERM)
        write_json(path, value)

    def sample() -> list[Image.Image]:
        if moment == "drawing samples":
            os.kill(os.getpid(), signal.SIGTERM)
        return [Image.new("RGB", (8, 8))]

    with monkeypatch.context() as patch, asked_to_stop() as stop:
        patch.setattr(checkpoint, "write_json", write)
        with closing(Watch(tmp_path / "live", sample, samples_every=4)) as watch, pytest.raises(Preempted):
            tiny_trainer(dataset, tmp_path).train(stop, watch)
    assert (tmp_path / "live" / "samples" / "step-0000004.png").is_file()
    resumed = tiny_trainer(dataset, tmp_path)
    assert resumed.progress.step >= 4  # after the step that was running while the checkpoint was written
    assert resumed.train() == whole.curve
    assert same_end(whole.work, tmp_path)


def test_processes_that_would_go_on_from_different_steps_are_refused(
    dataset: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert start(dataset, tmp_path, "term", 5, PAIR) != 0
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "features").symlink_to(tmp_path / "features")
    capfd.readouterr()
    assert start(dataset, tmp_path, "never", 0, PAIR, "apart") != 0
    told = capfd.readouterr().err
    assert "would go on from different steps (0, 5)" in told
    assert f"{tmp_path / 'checkpoints'} is not the same on all machines" in told
    assert tiny_trainer(dataset, tmp_path).progress.step == 5


def test_two_processes_learn_what_one_learns_with_twice_the_accumulation(dataset: Dataset, tmp_path: Path) -> None:
    assert start(dataset, tmp_path / "two", "never", 0, PAIR, fresh=True) == 0
    two = tiny_trainer(dataset, tmp_path / "two")
    one = tiny_trainer(dataset, tmp_path / "one", accumulate=2)
    for left, right in zip(two.progress.curve, one.train(), strict=True):
        assert left.pop("phase") == right.pop("phase")
        assert left == pytest.approx(right, rel=1e-3, abs=1e-5)
    for shared, alone in zip(two.adapter.parameters(), one.adapter.parameters(), strict=True):
        torch.testing.assert_close(shared, alone, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(("good", "told", "kept"), [(6, 7, [4]), (8, 9, [4, 8])], ids=["amidst", "as a phase begins"])
def test_a_loss_that_runs_away_stops_the_training_before_the_next_checkpoint(
    dataset: Dataset, tmp_path: Path, good: int, told: int, kept: list[int]
) -> None:
    trainer = tiny_trainer(dataset, tmp_path)
    calls = 0

    def grow(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return output * 20 if calls > good else output

    trainer.model.backbone.proj_out.register_forward_hook(grow)
    with pytest.raises(UserError, match=rf"the flow loss runs away, .* at step {told} .* is kept in"):
        trainer.train()
    assert [folder.name for folder in checkpoints(tmp_path / "checkpoints")] == [f"step-{n:07d}" for n in kept]


def test_a_phase_without_identity_losses_decodes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    trainer = tiny_trainer(dataset, tmp_path)
    curve = trainer.train()
    assert [("identity" in row) for row in curve] == [False] * 4 + [True] * 4
    assert [row["phase"] for row in curve] == ["first"] * 4 + ["second"] * 3 + ["third"]
    assert trainer.train() == curve


@pytest.mark.parametrize(("bad", "kept"), [(7, ["step-0000004"]), (2, [])])
def test_nonsense_stops_the_training_and_keeps_the_last_good_checkpoint(
    dataset: Dataset, tmp_path: Path, bad: int, kept: list[str]
) -> None:
    trainer = tiny_trainer(dataset, tmp_path)
    calls = 0

    def spoil(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return output * float("nan") if calls == bad else output

    trainer.model.backbone.proj_out.register_forward_hook(spoil)
    with pytest.raises(UserError, match=f"flow, gradient, total is not finite at step {bad}") as caught:
        trainer.train()
    assert ("the checkpoint before it is kept" in str(caught.value)) == bool(kept)
    found = checkpoints(tmp_path / "checkpoints")
    assert [folder.name for folder in found] == kept
    for folder in found:
        assert all(tensor.isfinite().all() for tensor in load_file(folder / "weights.safetensors").values())


@pytest.mark.parametrize(("first", "told"), [(True, ["step 1 of 1: ", "training: 1 done"]), (False, [])])
def test_the_first_of_all_processes_tells_how_far_the_training_is(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    first: bool,
    told: list[str],
) -> None:
    monkeypatch.setattr(Accelerator, "is_main_process", first)
    trainer = tiny_trainer(dataset, tmp_path, (PHASES[0].model_copy(update={"steps": 1}),))
    with caplog.at_level(logging.INFO, "model"):
        caplog.clear()
        trainer.train()
    assert [line[: len(start)] for line, start in zip(caplog.messages, told, strict=True)] == told


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
