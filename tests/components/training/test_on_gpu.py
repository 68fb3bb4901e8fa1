"""The train step on a pretended GPU: all is where it must be, so that its training is the one of a CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch as replaced

import pytest
import torch
from accelerate import Accelerator, PartialState
from safetensors.torch import load_file

from components.training.config import TrainingConfig
from components.training.step import run
from model.artefacts import cache_folder, read_json
from model.errors import Preempted
from model.training.processes import accelerator
from tests.components.training.tiny_step import inputs, on_tiny_networks
from tests.pretended_gpu import GPU, Pretended, apart

PHASES = [
    {"name": "one", "steps": 1, "learning_rate": 0.01, "warmup": 1, "identity": 0.5, "contrastive": 0.1},
    {"name": "drawn", "steps": 1, "learning_rate": 0.01, "identity": 0.5, "contrastive": 0.1, "drawn": 2},
]
CONFIG = TrainingConfig.model_validate(
    {"preset": "tiny", "batch": 2, "checkpoint_every": 1, "samples_every": 2, "phases": PHASES}
)


@contextmanager
def asked_at_once() -> Iterator[Callable[[], bool]]:
    yield lambda: True


def trained(folder: Path, device: torch.device) -> dict[str, Any]:
    """The history of a training on a device, stopped after its first step; `in_place` says how weights were stepped."""

    def process(accumulate: int, dtype: str) -> Accelerator:
        found = accelerator(accumulate, dtype)
        found.state.device = PartialState().device = device
        return found

    weights = cache_folder("weights")
    with pytest.MonkeyPatch.context() as patch:
        on_tiny_networks(folder, patch)
        (folder / "cache").mkdir()
        (folder / "cache" / "weights").symlink_to(weights)
        patch.setattr("components.training.step.accelerator", process)
        adam = import_module("torch.optim.adam")
        with replaced.object(adam, "_fused_adam", wraps=adam._fused_adam) as in_place:
            with pytest.raises(Preempted), replaced("components.training.step.asked_to_stop", asked_at_once):
                run(**inputs(folder), config=CONFIG)
            run(**inputs(folder), config=CONFIG)
    return read_json(folder / "model" / "training.json") | {"in_place": in_place.call_count}


def trained_on_gpu(folder: Path) -> dict[str, Any]:
    with Pretended():
        return trained(folder, GPU)


def test_a_training_on_a_gpu_is_that_on_a_cpu(tmp_path: Path) -> None:
    here, there = apart(trained, tmp_path / "cpu", torch.device("cpu")), apart(trained_on_gpu, tmp_path / "gpu")
    assert [point["step"] for point in there["curve"]] == [1, 2]
    assert (here["in_place"], there["in_place"]) == (0, 2)  # where memory is short no copy of all moments is made
    for ours, its in zip(here["curve"], there["curve"], strict=True):
        assert its.pop("phase") == ours.pop("phase")
        assert its == pytest.approx(ours, rel=1e-4)
    cpu, gpu = (load_file(tmp_path / name / "model" / "adapter.safetensors") for name in ("cpu", "gpu"))
    for name, weight in cpu.items():
        torch.testing.assert_close(gpu[name], weight, rtol=1e-3, atol=1e-4)
