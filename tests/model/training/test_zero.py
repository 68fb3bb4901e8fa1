"""An optimiser that processes share by DeepSpeed: they learn what one process learns, and checkpoints go both ways."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import DeepSpeedPlugin, DistributedType
from safetensors.torch import load_file

from model.dataset.dataset import Dataset
from model.errors import Preempted, UserError
from model.training.checkpoint import checkpoints
from model.training.zero import by_zero, set_up
from tests.forks import fork
from tests.model.training.tiny_job import CLIP, UNEVEN, launcher, same_end, start, tiny_trainer

FILE = "deepspeed.yaml"
END = Path("checkpoints", "step-0000016")
needs_deepspeed = pytest.mark.skipif(
    find_spec("deepspeed") is None, reason="DeepSpeed is not installed: pip install '.[deepspeed]'"
)


@pytest.fixture(scope="module")
def shared(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job that two processes do, which nothing interrupts; live metrics and samples are taken beside it."""
    work = tmp_path_factory.mktemp("shared")
    assert start(dataset, work, "watched", 0, launcher(FILE), "uneven", fresh=True) == 0
    return work


def same_to_rounding(one: Path, other: Path) -> None:
    """Assert that two jobs ended with the same weights and moments, but for the order of sums."""
    for file in ("weights.safetensors", "optimiser.safetensors"):
        left, right = load_file(one / END / file), load_file(other / END / file)
        assert left.keys() == right.keys()
        for name in left:
            torch.testing.assert_close(left[name], right[name], rtol=1e-3, atol=1e-6)


@needs_deepspeed
def test_processes_learn_what_one_learns_though_one_draws_where_another_does_not(
    dataset: Dataset, shared: Path, tmp_path: Path
) -> None:
    one = tiny_trainer(dataset, tmp_path, UNEVEN, accumulate=2)
    assert [bool(one.batches.batch(number, UNEVEN[2]).decoded.any()) for number in (30, 31)] == [True, False]
    curve = one.train()
    assert any(row["gradient"] > CLIP for row in curve)
    two = tiny_trainer(dataset, shared, UNEVEN)
    for left, right in zip(two.progress.curve, curve, strict=True):
        assert left.pop("phase") == right.pop("phase")
        assert left == pytest.approx(right, rel=1e-4, abs=1e-5)
    same_to_rounding(shared, tmp_path)


@needs_deepspeed
def test_a_stopped_job_goes_on_bit_for_bit_and_one_process_goes_on_with_it(
    dataset: Dataset, shared: Path, tmp_path: Path
) -> None:
    assert start(dataset, tmp_path / "two", "term", 5, launcher(FILE), "uneven") != 0
    assert checkpoints(tmp_path / "two" / "checkpoints")[-1].name == "step-0000005"
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    assert start(dataset, tmp_path / "two", "never", 0, launcher(FILE), "uneven") == 0
    assert same_end(shared, tmp_path / "two")
    alone = tiny_trainer(dataset, tmp_path / "one", UNEVEN, accumulate=2)
    assert alone.progress.step == 5
    alone.train()
    same_to_rounding(shared, tmp_path / "one")


@needs_deepspeed
def test_processes_go_on_with_what_one_process_stopped(dataset: Dataset, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(Preempted):
        tiny_trainer(dataset, tmp_path, UNEVEN, accumulate=2).train(iter([False] * 4 + [True]).__next__)
    assert checkpoints(tmp_path / "checkpoints")[-1].name == "step-0000005"
    assert start(dataset, tmp_path, "never", 0, launcher(FILE), "uneven") == 0
    same_to_rounding(shared, tmp_path)


@needs_deepspeed
def test_a_step_without_a_finite_gradient_is_not_taken_and_ends_the_training(
    dataset: Dataset, shared: Path, tmp_path: Path
) -> None:
    assert start(dataset, tmp_path, "spoiled", 8, launcher(FILE), "uneven") != 0  # a checkpoint is due after this step
    assert [folder.name for folder in checkpoints(tmp_path / "checkpoints")] == ["step-0000004"]
    assert start(dataset, tmp_path, "never", 0, launcher(FILE), "uneven") == 0
    assert same_end(shared, tmp_path)


@needs_deepspeed
def test_the_first_process_draws_samples_and_writes_live_metrics(shared: Path) -> None:
    live = shared / "live"
    assert sorted(file.name for file in (live / "samples").iterdir()) == ["step-0000008.png", "step-0000016.png"]
    assert "gradient" in (live / "metrics.json").read_text()


def process(precision: str = "bf16", **told: Any) -> Any:
    """An accelerator that DeepSpeed was told to share, with ZeRO-2 and no offloading unless `told` otherwise."""
    plugin = DeepSpeedPlugin(**{"zero_stage": 2} | told)
    plugin.set_mixed_precision(precision)
    return SimpleNamespace(
        distributed_type=DistributedType.DEEPSPEED,
        deepspeed_plugin=plugin,
        mixed_precision=precision,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize(
    ("precision", "told", "what"),
    [
        ("bf16", {"zero_stage": 3}, "ZeRO stage 3, precision bf16 and no offloading"),
        ("bf16", {"zero_stage": 1}, "ZeRO stage 1"),
        ("fp16", {}, "precision fp16"),
        ("no", {"offload_optimizer_device": "cpu"}, "precision no and offloading"),
    ],
)
def test_what_checkpoints_cannot_hold_is_refused(precision: str, told: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=rf"{what}.*accelerate/deepspeed\.yaml"):
        by_zero(process(precision, **told))


@pytest.mark.parametrize(("precision", "half"), [("bf16", True), ("no", False)])
def test_bfloat16_is_autocast_and_weights_and_sums_stay_in_32_bits(precision: str, half: bool) -> None:
    told = process(precision)
    assert by_zero(told)
    with set_up(told, pictures=4, accumulate=2, clip=0.5)():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if half else torch.float32)
    config = told.deepspeed_plugin.deepspeed_config
    assert (config["bf16"]["enabled"], config["torch_autocast"]["enabled"]) == (False, half)
    assert config["torch_autocast"]["lower_precision_safe_modules"] == []
    assert (config["gradient_clipping"], config["gradient_accumulation_steps"]) == (0.5, 2)


PLAIN = """
import sys
import model.training.assemble
from model.training.processes import accelerator
from model.training.zero import by_zero
assert not by_zero(accelerator(1))
sys.exit(5 if "deepspeed" in sys.modules else 4)
"""


def test_deepspeed_is_imported_by_those_alone_who_asked_for_it(tmp_path: Path) -> None:
    program = tmp_path / "plain.py"
    program.write_text(PLAIN)
    with fork([str(program)]) as plain:  # of a process that has imported all that a training does
        plain.join()
    assert plain.exitcode == 4
