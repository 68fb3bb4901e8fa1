"""The train step on small networks; as a program, a training of them that may be killed or hold on where it is told.

'hold' holds on at its first checkpoint, a number is that of the file of features before which it is killed.
"""

import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from components.training.config import TrainingConfig
from components.training.step import run
from model import presets
from model.artefacts import write_json
from model.presets import AdapterSize, Preset, nano
from model.training import cache
from model.training.checkpoint import write_checkpoint
from tests.model.tiny import SIZES, tiny_backbone
from tests.model.training.tiny_company import autoencoder_in_company, recogniser_in_company, texts_in_company
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS

BROUGHT = {"name": "base", "licence": "theirs alone", "use": "research"}
SHORT = TrainingConfig.model_validate(
    {
        "preset": "tiny",
        "batch": 4,
        "checkpoint_every": 2,
        "phases": [{"name": "one", "steps": 4, "learning_rate": 0.01, "warmup": 1}],
    }
)


def tiny_preset() -> Preset:
    return replace(
        nano(),
        name="tiny",
        backbone=dict(tiny_backbone().config),
        recogniser="tiny",
        recogniser_dim=SIZES.embedding,
        adapter=AdapterSize(SIZES.tokens, SIZES.heads, SIZES.head_dim),
        buckets=BUCKETS,
        licences=(BROUGHT,),
    )


def on_tiny_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of frozen parts of a preset of small networks, put where the step looks for them."""
    torch.set_num_threads(1)
    folder = tmp_path / "assets"
    (folder / "tiny").mkdir(parents=True, exist_ok=True)
    save_file(tiny_backbone().state_dict(), folder / "tiny" / "backbone.safetensors")
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(presets.PRESETS, "tiny", tiny_preset)
    for module in ("model.presets", "components.training.start"):
        monkeypatch.setattr(f"{module}.ASSETS", folder)
    place = "model.training.assemble"
    monkeypatch.setattr(f"{place}.load_autoencoder", lambda _: autoencoder_in_company())
    monkeypatch.setattr(f"{place}.load_backbone", lambda _: tiny_backbone())
    monkeypatch.setattr(f"{place}.load_judge", lambda _: recogniser_in_company())
    monkeypatch.setattr(f"{place}.load_text", lambda *_: SimpleNamespace(encode=texts_in_company))
    return folder / "tiny"


def inputs(folder: Path, *, success: bool = True) -> dict[str, Any]:
    dataset = tiny_dataset(folder / "dataset")
    write_json(folder / "validation" / "result.json", {"schema": 1, "success": success, "expectations": []})
    return {"dataset": dataset.folder, "validation": folder / "validation", "model": folder / "model"}


def hold_on(*given: Any, **rest: Any) -> None:
    """Save the checkpoint, say so, and wait for as long as there is who started this."""
    write_checkpoint(*given, **rest)
    sys.stdout.write("saved\n")
    sys.stdout.flush()
    beginner = multiprocessing.parent_process()
    assert beginner is not None
    beginner.join()


def killed_before(number: int) -> Callable[[Path, dict[str, torch.Tensor]], None]:
    """What writes files of features until it is killed before that of `number` (from 1)."""
    put, asked = cache.put, itertools.count(1)

    def write(file: Path, tensors: dict[str, torch.Tensor]) -> None:
        if next(asked) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        put(file, tensors)

    return write


if __name__ == "__main__":
    place, patch = Path(sys.argv[1]), pytest.MonkeyPatch()
    on_tiny_networks(place, patch)
    for number in filter(str.isdecimal, sys.argv[2:]):
        patch.setattr(cache, "put", killed_before(int(number)))
    if "hold" in sys.argv[2:]:
        patch.setattr("model.training.saver.write_checkpoint", hold_on)
    config = SHORT.model_copy(update={"accumulate": 2 if "twice" in sys.argv[2:] else 1})
    run(**{name: place / name for name in ("dataset", "validation", "model")}, config=config)
