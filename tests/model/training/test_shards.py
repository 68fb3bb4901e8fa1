"""Weights that processes share (FSDP2): they learn what one process learns, and go on from each other's checkpoints."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType
from PIL import Image
from safetensors.torch import load_file

from model.adapter.checkpoint import save_adapter
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.training.checkpoint import checkpoints
from model.training.phases import Phase
from model.training.shards import refuse_uneven, sharded
from tests.forks import fork
from tests.model.training.tiny_job import FILES, launcher, same_end, start, tiny_trainer

FILE = "fsdp2.yaml"
GATHERS = """
import sys
from pathlib import Path
from unittest.mock import patch
import torch.distributed
from torch.distributed.fsdp import FSDPModule
from model.dataset.dataset import Dataset
from tests.model.training.tiny_job import PHASES, tiny_trainer
torch.set_num_threads(1)
trainer = tiny_trainer(Dataset.open(Path(sys.argv[1])), Path(sys.argv[2]))
units = sum(isinstance(part, FSDPModule) for part in trainer.whole.modules()) - 1  # all weights are in those below
with patch("torch.distributed.all_gather_single", wraps=torch.distributed.all_gather_single) as gathers:
    trainer.gradient(trainer.accelerator.process_index, PHASES[0])
assert gathers.call_count == 2 * units > 0, (gathers.call_count, units)
"""


@pytest.fixture(scope="module")
def shared(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job that two processes share, which nothing interrupts; live metrics and samples are taken beside it."""
    work = tmp_path_factory.mktemp("shared")
    assert start(dataset, work, "watched", 0, launcher(FILE), fresh=True) == 0
    return work


def test_processes_that_share_the_weights_learn_what_one_learns(dataset: Dataset, shared: Path, tmp_path: Path) -> None:
    one = tiny_trainer(dataset, tmp_path, accumulate=2)
    curve = one.train()
    two = tiny_trainer(dataset, shared)
    for left, right in zip(two.progress.curve, curve, strict=True):
        assert left.pop("phase") == right.pop("phase")
        assert left == pytest.approx(right, rel=1e-3, abs=1e-5)
    for theirs, own in zip(two.trained().parameters(), one.adapter.parameters(), strict=True):
        torch.testing.assert_close(theirs, own, rtol=1e-2, atol=1e-4)


def test_a_stopped_job_goes_on_bit_for_bit_and_one_process_goes_on_with_it(
    dataset: Dataset, shared: Path, tmp_path: Path
) -> None:
    assert start(dataset, tmp_path / "two", "term", 5, launcher(FILE)) != 0
    assert [folder.name for folder in checkpoints(tmp_path / "two" / "checkpoints")] == [
        "step-0000004",
        "step-0000005",
    ]
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    assert start(dataset, tmp_path / "two", "never", 0, launcher(FILE)) == 0
    assert same_end(shared, tmp_path / "two")
    alone = tiny_trainer(dataset, tmp_path / "one", accumulate=2)
    assert alone.progress.step == 5
    alone.train()
    whole = load_file(shared / "checkpoints" / "step-0000016" / "weights.safetensors")
    for name, parameter in alone.adapter.named_parameters():
        torch.testing.assert_close(parameter, whole[name], rtol=1e-2, atol=1e-4, check_device=False)


def test_weights_are_put_together_once_forward_and_once_back(dataset: Dataset, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(GATHERS)
    with fork([*launcher(FILE), str(program), str(dataset.folder), str(tmp_path / "work")]) as process:
        process.join()
    assert process.exitcode == 0


def test_samples_are_drawn_by_shared_weights(shared: Path) -> None:
    pictures = sorted((shared / "live" / "samples").iterdir())
    assert [file.name for file in pictures] == ["step-0000008.png", "step-0000016.png"]
    assert Image.open(pictures[0]).size == (64, 64)


def test_what_was_trained_is_whole_and_can_be_saved(dataset: Dataset, shared: Path, tmp_path: Path) -> None:
    save_adapter(tiny_trainer(dataset, shared).trained(), tmp_path, "nano")
    kept = load_file(tmp_path / "adapter.safetensors")
    whole = load_file(shared / "checkpoints" / "step-0000016" / "weights.safetensors")
    assert kept.keys() == whole.keys()
    assert all(torch.equal(kept[name], whole[name]) for name in whole)


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.MEGATRON_LM])
def test_other_ways_of_sharing_are_refused(kind: DistributedType) -> None:
    accelerator: Any = SimpleNamespace(distributed_type=kind, is_fsdp2=False)
    with pytest.raises(UserError, match=rf"sharded by {kind.value}, .*fsdp2\.yaml"):
        sharded(accelerator)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("ddp.yaml", DistributedType.MULTI_GPU),
        ("fsdp2.yaml", DistributedType.FSDP),
        ("deepspeed.yaml", DistributedType.DEEPSPEED),
    ],
)
def test_the_files_for_gpus_are_ones_that_accelerate_reads(file: str, kind: DistributedType) -> None:
    assert load_config_from_file(str(FILES / file)).distributed_type == kind


def test_a_phase_that_leaves_a_process_nothing_to_draw_is_refused() -> None:
    uneven = Phase(name="a", steps=1, learning_rate=1e-3, drawn=4, decoded=0.5)
    even, plain = uneven.model_copy(update={"decoded": 1.0}), uneven.model_copy(update={"drawn": 0})
    refuse_uneven([even, plain])
    with pytest.raises(UserError, match=r"'a' has drawn 4 and decoded 0\.5, .* set its decoded to 1"):
        refuse_uneven([even, uneven])
