"""The train step on small networks; as a program, a training of them that may hold on at its first checkpoint."""

import sys
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
from model.training.checkpoint import save_checkpoint
from tests.model.tiny import SIZES, TinyRecogniser, tiny_autoencoder, tiny_backbone
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS, encode_text

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
    monkeypatch.setattr(f"{place}.load_autoencoder", lambda _: tiny_autoencoder())
    monkeypatch.setattr(f"{place}.load_backbone", lambda _: tiny_backbone())
    monkeypatch.setattr(f"{place}.load_judge", lambda _: TinyRecogniser())
    monkeypatch.setattr(f"{place}.load_text", lambda *_: SimpleNamespace(encode=encode_text))
    return folder / "tiny"


def inputs(folder: Path, *, success: bool = True) -> dict[str, Any]:
    dataset = tiny_dataset(folder / "dataset")
    write_json(folder / "validation" / "result.json", {"schema": 1, "success": success, "expectations": []})
    return {"dataset": dataset.folder, "validation": folder / "validation", "model": folder / "model"}


def hold_on(*given: Any, **rest: Any) -> None:
    """Save the checkpoint, say so, and wait for ever."""
    save_checkpoint(*given, **rest)
    sys.stdout.write("saved\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    place, patch = Path(sys.argv[1]), pytest.MonkeyPatch()
    on_tiny_networks(place, patch)
    if "hold" in sys.argv[2:]:
        patch.setattr("model.training.trainer.save_checkpoint", hold_on)
    config = SHORT.model_copy(update={"accumulate": 2 if "twice" in sys.argv[2:] else 1})
    run(**{name: place / name for name in ("dataset", "validation", "model")}, config=config)
