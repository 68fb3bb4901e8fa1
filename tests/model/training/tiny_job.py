"""A whole small training job; as a program, one that is killed or asked to stop where it is told to."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from accelerate import Accelerator
from torch import Tensor

from model.artefacts import write_json
from model.dataset.dataset import Dataset
from model.errors import PREEMPTED, Preempted
from model.losses.bank import IdentityBank
from model.training.batches import Batches
from model.training.cache import compute_features
from model.training.data import training_set
from model.training.phases import Phase
from model.training.preemption import asked_to_stop
from model.training.step import Judges
from model.training.trainer import Loop, Trainer
from tests.model.tiny import TinyRecogniser, tiny_adapter, tiny_autoencoder, tiny_backbone

BUCKETS = ((64, 64), (96, 64))
PHASES = (
    Phase(name="first", steps=8, learning_rate=1e-3, warmup=2, paired=0, contrastive=0, identity=0),
    Phase(name="second", steps=8, learning_rate=1e-3, final_rate=0.1, warmup=2, gate=0.8, decoded=0.8),
)


def encode_text(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Text features that depend on the text alone: 4 tokens of 6 channels, a vector of 5."""
    generators = [torch.Generator().manual_seed(sum(text.encode())) for text in texts]
    return torch.stack([torch.randn(4, 6, generator=g) for g in generators]), torch.stack(
        [torch.randn(5, generator=g) for g in generators]
    )


def tiny_trainer(
    dataset: Dataset, work: Path, phases: tuple[Phase, ...] = PHASES, batch: int = 4, accumulate: int = 1
) -> Trainer:
    """A trainer of the tiny networks with batches of 4."""
    autoencoder, recogniser = tiny_autoencoder(), TinyRecogniser()
    data = training_set(dataset, BUCKETS)
    features = compute_features(dataset, data, autoencoder, recogniser, encode_text, "tiny", work / "features")
    bank = IdentityBank.of(torch.from_numpy(data.embeddings[data.bank_rows]), torch.from_numpy(data.bank_codes))
    return Trainer(
        tiny_backbone(),
        tiny_adapter(trained=False),
        Judges(autoencoder, recogniser, bank),
        Batches(data, features, size=batch, seed=5),
        Loop(phases, accumulate=accumulate, checkpoint_every=4, report_every=2),
        work,
        Accelerator(cpu=True, gradient_accumulation_steps=accumulate),
    )


def signal_in_step(trainer: Trainer, number: int, sent: signal.Signals) -> None:
    """Send this process a signal in the forward pass of its step `number` (from 1)."""
    calls = 0

    def note(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), sent)

    trainer.model.register_forward_hook(note)


def job(dataset: Path, work: Path, moment: str, number: int) -> None:
    """Train, and be killed or asked to stop in a step, or killed while the checkpoint of step `number` is written."""
    torch.set_num_threads(1)
    trainer = tiny_trainer(Dataset.open(dataset), work)

    def write(path: Path, value: dict[str, Any]) -> None:
        if moment == "saving" and value["step"] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        write_json(path, value)

    if moment in ("kill", "term"):
        signal_in_step(trainer, number, signal.SIGKILL if moment == "kill" else signal.SIGTERM)
    with patch("model.training.checkpoint.write_json", write), asked_to_stop() as stop:
        try:
            trainer.train(stop)
        except Preempted:
            sys.exit(PREEMPTED)


if __name__ == "__main__":
    job(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
