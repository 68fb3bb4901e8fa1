"""Where a training starts: the adapter that ships with the preset, an untrained one, or that of a model folder."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from model.adapter.checkpoint import WEIGHTS, load_weights, read_description, read_history
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.artefacts import file_digest
from model.errors import UserError
from model.presets import ASSETS, Preset
from model.training.assemble import AdapterOn, new_adapter

SCRATCH = "scratch"
PRESET = "preset"


@dataclass(frozen=True)
class Start:
    """An adapter to go on from, with the digest of its weights ('' for an untrained one) and what it inherits."""

    adapter_on: AdapterOn
    name: str
    digest: str = ""
    identities: tuple[str, ...] = ()
    licences: list[dict[str, str]] = field(default_factory=list)


def find_start(start: str, chosen: Preset, seed: int) -> Start:
    """The start that the setting names; UserError for a folder that is no model or of another preset.

    A preset that ships no adapter starts untrained.
    """
    shipped = ASSETS / chosen.name / WEIGHTS
    if start == SCRATCH or (start == PRESET and not shipped.is_file()):
        return Start(partial(new_adapter, chosen, seed), "an untrained adapter")
    if start == PRESET:
        return Start(_weights(chosen, shipped), f"the adapter that ships with {chosen.name}", file_digest(shipped))
    folder = Path(start).expanduser()
    _check_preset(folder, chosen)
    weights = _weights(chosen, folder / WEIGHTS)
    digest = file_digest(folder / WEIGHTS)
    history = read_history(folder / "training.json")
    return Start(weights, f"model {digest[:12]}", digest, tuple(history["identities"]), history["licences"])


def _weights(chosen: Preset, file: Path) -> AdapterOn:
    """The adapter of a file, which is checked now and read when the adapter is made: until then it takes no memory."""
    with torch.device("meta"):
        adapter = IdentityAdapter(AdapterSizes.of(chosen))
    load_weights(adapter, file, None)
    return partial(adapter.to, dtype=torch.float32)


def _check_preset(folder: Path, chosen: Preset) -> None:
    if not folder.is_dir():
        raise UserError(f"train.start '{folder}' is no folder; give 'preset', 'scratch' or the path of a model folder.")
    found = read_description(folder)["preset"]
    if found != chosen.name:
        raise UserError(
            f"train.start '{folder}' is a model of preset {found}, not {chosen.name}; give one of {chosen.name}."
        )
