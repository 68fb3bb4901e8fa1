"""What serving asks of a model's preset: its branches, which weights travel with it, what pins the rest."""

from pathlib import Path

from components.packaging.terms import SERVED_WEIGHTS
from model.adapter.checkpoint import read_description
from model.adapter.sizes import ARC
from model.artefacts import file_digest, folder_digest, read_json
from model.errors import UserError
from model.parts import BASE, PACK, SIGLIP, pack_folder
from model.presets import Preset, frozen_digest, preset
from model.weights import weight

FROZEN = "frozen.json"  # in the bundle: the digest of what draws beside the adapter


def served_preset(model: Path) -> Preset:
    """The preset of a model folder, with the branches that its adapter has."""
    described = read_description(model)
    return preset(described["preset"]).with_branches(described["sizes"].get("branches", (ARC,)))


def carried_weights(chosen: Preset) -> tuple[str, ...]:
    """Names of the pretrained weights that a Bento carries; none of a preset whose parts the operator brings."""
    return () if chosen.parts else SERVED_WEIGHTS


def check_frozen(bundle: Path, chosen: Preset) -> None:
    """Raise UserError where the frozen parts are not those with which the model of the bundle was packaged."""
    if not (bundle / FROZEN).exists():
        raise UserError(f"the Bento around {bundle} was made by an earlier version: package its model again")
    if read_json(bundle / FROZEN)["digest"] == frozen_digest(chosen):
        return
    if chosen.parts:
        raise UserError(
            f"what {BASE}, {SIGLIP} and {PACK} name is not what this model was packaged with: name the same models"
        )
    raise UserError(f"the base {chosen.name} is not the one this model was packaged with: fetch the Bento again")


def recogniser_digest(chosen: Preset) -> str:
    """Names the preset's recogniser in lists of people, as curation names it."""
    return folder_digest(pack_folder(chosen.parts.pack)) if chosen.parts else file_digest(weight(chosen.recogniser))
