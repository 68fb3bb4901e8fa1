"""Puts a trainer together from a dataset and a preset: frozen networks, cached features, bank, batches."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.artefacts import cache_folder
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.faces.detector import Detector
from model.losses.bank import IdentityBank
from model.presets import Preset, load_autoencoder, load_backbone, load_judge, load_text, load_tower
from model.training.batches import Batches
from model.training.cache import compute_features
from model.training.data import TrainingSet, training_set
from model.training.feature_files import FEATURES
from model.training.mix import refuse_empty_folders
from model.training.patches import compute_patches
from model.training.step import Judges
from model.training.trainer import Loop, Trainer


def new_adapter(chosen: Preset, seed: int) -> IdentityAdapter:
    """An untrained adapter for a preset, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return IdentityAdapter(AdapterSizes.of(chosen))


def processes(loop: Loop) -> Accelerator:
    """The processes that a launcher started for one training; without a GPU accelerate would take each for all."""
    return Accelerator(cpu=not torch.accelerator.is_available(), gradient_accumulation_steps=loop.accumulate)


def assemble(
    dataset: Dataset,
    chosen: Preset,
    adapter: IdentityAdapter,
    loop: Loop,
    batch: int,
    seed: int,
    work: Path,
    accelerator: Accelerator,
) -> Trainer:
    """A trainer of `adapter` on the training split of any dataset, with `batch` pictures a batch.

    `work` keeps the checkpoints of this one job and is where a killed one goes on from. Raises UserError where the
    dataset was made with another recogniser than the preset's, or has no photo in a folder of a phase's mix.
    """
    with accelerator.main_process_first():
        data = training_data(dataset, chosen)
        refuse_empty_folders(data.targets, loop.phases)
        batches, judges = prepare(dataset, data, chosen, batch, seed, cache_folder(FEATURES), accelerator.device)
    if any(phase.drawn for phase in loop.phases):
        judges = replace(judges, detector=Detector.load(str(accelerator.device)))
    return Trainer(load_backbone(chosen), adapter, judges, batches, loop, work, accelerator)


def prepare(
    dataset: Dataset, data: TrainingSet, chosen: Preset, batch: int, seed: int, store: Path, device: torch.device
) -> tuple[Batches, Judges]:
    """The batches of a dataset's training data with all that frozen networks say of it, and what judges its faces.

    `store` keeps what the networks say (see cache.py).
    """
    autoencoder, recogniser = load_autoencoder(chosen), load_judge(chosen)
    encode_text, name = load_text(chosen).encode, f"{chosen.name} {chosen.text_tokens}"
    features = compute_features(dataset, data, autoencoder, recogniser, encode_text, name, store, edits=chosen.edits)
    bank = IdentityBank.of(torch.from_numpy(data.embeddings[data.bank_rows]), torch.from_numpy(data.bank_codes))
    judges = Judges(_channels_last(autoencoder, device), _channels_last(recogniser, device), bank.to(device))
    tower = load_tower(chosen)
    patches = compute_patches(dataset, data.reference_rows(), tower, store) if tower else None
    return Batches(data, features, batch, seed, patches), judges


def _channels_last(network: Any, device: torch.device) -> Any:
    """The network on its device in the layout of the soonest gradients (benchmarks/identity_gradients.py)."""
    return network.to(device, memory_format=torch.channels_last)


def training_data(dataset: Dataset, chosen: Preset) -> TrainingSet:
    """The training split fitted to the preset; UserError where its embeddings are of another recogniser."""
    used = dataset.manifest["recogniser"]
    if (used["name"], used["dim"]) != (chosen.recogniser, chosen.recogniser_dim):
        raise UserError(
            f"the dataset {dataset.folder} has embeddings of {used['name']} ({used['dim']}), the preset {chosen.name} "
            f"needs {chosen.recogniser} ({chosen.recogniser_dim}); curate the photos with that recogniser."
        )
    return training_set(dataset, chosen.buckets, edits=chosen.edits)
