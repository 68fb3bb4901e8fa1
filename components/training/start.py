"""Where a training starts: the adapter that ships with the preset, an untrained one, or that of a model folder."""

from dataclasses import dataclass, field
from pathlib import Path

from model.adapter.checkpoint import WEIGHTS, load_weights, read_description, read_history
from model.adapter.network import IdentityAdapter
from model.artefacts import file_digest
from model.errors import UserError
from model.presets import ASSETS, Preset
from model.training.assemble import new_adapter

SCRATCH = "scratch"
PRESET = "preset"


@dataclass(frozen=True)
class Start:
    """An adapter to go on from, with the digest of its weights ('' for an untrained one) and what it inherits."""

    adapter: IdentityAdapter
    name: str
    digest: str = ""
    identities: tuple[str, ...] = ()
    licences: list[dict[str, str]] = field(default_factory=list)


def find_start(start: str, chosen: Preset, seed: int) -> Start:
    """The start that the setting names; UserError for a folder that is no model or of another preset.

    A preset that ships no adapter starts untrained.
    """
    adapter = new_adapter(chosen, seed)
    shipped = ASSETS / chosen.name / WEIGHTS
    if start == SCRATCH or (start == PRESET and not shipped.is_file()):
        return Start(adapter, "an untrained adapter")
    if start == PRESET:
        load_weights(adapter, shipped)
        return Start(adapter, f"the adapter that ships with {chosen.name}", file_digest(shipped))
    folder = Path(start).expanduser()
    _check_preset(folder, chosen)
    load_weights(adapter, folder / WEIGHTS)
    digest = file_digest(folder / WEIGHTS)
    history = read_history(folder / "training.json")
    return Start(adapter, f"model {digest[:12]}", digest, tuple(history["identities"]), history["licences"])


def _check_preset(folder: Path, chosen: Preset) -> None:
    if not folder.is_dir():
        raise UserError(f"train.start '{folder}' is no folder; give 'preset', 'scratch' or the path of a model folder.")
    found = read_description(folder)["preset"]
    if found != chosen.name:
        raise UserError(
            f"train.start '{folder}' is a model of preset {found}, not {chosen.name}; give one of {chosen.name}."
        )
