"""Puts a trainer together from a dataset and a preset: frozen networks, cached features, bank, batches."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.artefacts import cache_folder
from model.dataset.dataset import Dataset
from model.errors import UserError
from model.faces.detector import Detector
from model.losses.bank import IdentityBank, quickest
from model.presets import Preset, load_autoencoder, load_backbone, load_judge, load_text, load_tower, text_name
from model.training.batches import Batches
from model.training.cache import compute_features
from model.training.data import SPLIT, TrainingSet, training_set
from model.training.feature_files import ALL, FEATURES, Share
from model.training.mix import refuse_empty_folders
from model.training.patches import compute_patches
from model.training.photo_digests import read_shards
from model.training.processes import share_of, wait_for_all
from model.training.step import Judges
from model.training.trainer import Loop, Trainer

AdapterOn = Callable[[torch.device], IdentityAdapter]  # makes the adapter where it is trained, when all else is ready
PART = 16384  # rows of the bank that are copied at a time


def new_adapter(chosen: Preset, seed: int, device: torch.device | str = "cpu") -> IdentityAdapter:
    """An untrained adapter for a preset, the same for the same seed on any device.

    Its values are drawn on the CPU and a layer at a time: that of FLUX.1-dev takes 11 GB in each of the processes.
    """
    with torch.device("meta"):
        adapter = IdentityAdapter(AdapterSizes.of(chosen))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in adapter.modules():
            if isinstance(layer, nn.Linear | nn.LayerNorm):
                layer.to_empty(device="cpu").reset_parameters()
                layer.to(device)
    return adapter


def assemble(
    dataset: Dataset,
    chosen: Preset,
    adapter_on: AdapterOn,
    loop: Loop,
    batch: int,
    seed: int,
    work: Path,
    process: Accelerator,
) -> Trainer:
    """A trainer of an adapter on the training split of any dataset, with `batch` pictures a batch.

    `work` keeps the checkpoints of this one job and is where a killed one goes on from. Raises UserError where the
    dataset was made with another recogniser than the preset's, or has no photo in a folder of a phase's mix.
    """
    data = training_data(dataset, chosen)
    refuse_empty_folders(data.targets, loop.phases)
    store, device = cache_folder(FEATURES), process.device
    share = share_of(process, store)
    read_shards(dataset, dataset.images.index[dataset.images["split"] == SPLIT], store, share)
    wait_for_all(process)
    batches, judges = prepare(dataset, data, chosen, batch, seed, store, device, share)
    wait_for_all(process)
    if any(phase.drawn for phase in loop.phases):
        judges = replace(judges, detector=Detector.load(str(device)))
    return Trainer(load_backbone(chosen), adapter_on(device), judges, batches, loop, work, process)


def prepare(
    dataset: Dataset,
    data: TrainingSet,
    chosen: Preset,
    batch: int,
    seed: int,
    store: Path,
    device: torch.device,
    share: Share = ALL,
) -> tuple[Batches, Judges]:
    """The batches of a dataset's training data with all that frozen networks say of it, and what judges its faces.

    `store` keeps what the networks say (see cache.py); other processes may compute their `share` of it.
    """
    autoencoder, recogniser = (_channels_last(part(chosen), device) for part in (load_autoencoder, load_judge))

    reader = cache(partial(load_text, chosen, str(device)))  # read where a prompt is new: T5 takes 10 GB
    parts = autoencoder, recogniser, lambda texts: reader().encode(texts), text_name(chosen)
    features = compute_features(dataset, data, *parts, store, edits=chosen.edits, share=share)
    tower = load_tower(chosen, str(device))
    patches = compute_patches(dataset, data.reference_rows(), tower, store, share) if tower else None
    return Batches(data, features, batch, seed, patches), Judges(autoencoder, recogniser, _bank(data, device))


def _bank(data: TrainingSet, device: torch.device) -> IdentityBank:
    """The bank on its device, brought there in parts: whole copies on the way are gigabytes where it has a million."""
    shape, codes = (len(data.bank_rows), data.embeddings.shape[1]), torch.from_numpy(data.bank_codes)
    units = torch.empty(shape, dtype=quickest(device), device=device)
    for start in range(0, len(units), PART):
        part = slice(start, start + PART)
        raw = torch.from_numpy(data.embeddings[data.bank_rows[part]])
        units[part] = IdentityBank.of(raw, codes[part]).embeddings
    return IdentityBank(units, codes.to(device))


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
    return training_set(dataset, (*chosen.buckets, *chosen.tall), edits=chosen.edits)
