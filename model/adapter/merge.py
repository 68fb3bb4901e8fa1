"""One adapter from branches that were trained apart: model folders or published files become one model folder."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.adapter.checkpoint import WEIGHTS, check_weights, read_description, read_history, read_tensors, save_adapter
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.artefacts import file_digest, new_folder, write_json
from model.errors import UserError
from model.presets import Preset

HISTORY = "training.json"
STEMS = ("ipa", "arcface_in", "siglip_in")  # what a branch trained apart upstream calls its parts, without its name
UNREAD = "siglip_in_arc."  # upstream's ArcFace branch carries it along untrained
UNKNOWN = {"name": "adapter weights from elsewhere", "licence": "stated by their publisher", "use": "research"}


def merge_branches(parts: Mapping[str, Path], chosen: Preset, out: Path) -> None:
    """Write the model folder `out` of the branches in `parts`: 'arc', 'sig' or both, each from a folder or a file.

    A part is a model folder that the train step wrote, or a safetensors file: a published merged one, or one of a
    branch alone, whose names lack the branch. Tensors keep their precision. What the folder inherits (people, licences)
    is that of all its parts; of files nobody knows, and their use is research. Raises UserError for a part that is
    missing, of another preset or does not fit.
    """
    files = {branch: _weights(Path(part), chosen) for branch, part in parts.items()}
    tensors: dict[str, Tensor] = {}
    for branch, file in files.items():
        tensors |= branch_tensors(read_tensors(file), branch)
    sizes = replace(AdapterSizes.of(chosen), branches=tuple(sorted(parts)))
    with torch.device("meta"):
        adapter = IdentityAdapter(sizes).requires_grad_(False)
    check_weights(tensors, adapter.state_dict(), " and ".join(str(file) for file in files.values()))
    adapter.load_state_dict(tensors, assign=True)
    with new_folder(out) as draft:
        save_adapter(adapter, draft, chosen.name)
        write_json(draft / HISTORY, _history(files, chosen))


def branch_tensors(tensors: Mapping[str, Tensor], branch: str) -> dict[str, Tensor]:
    """The tensors of one branch under its published names; those of the other branch are left out.

    `ipa.0.to_q.weight` of a branch trained apart becomes `ipa_arc.0.to_q.weight`, or `ipa_sig...`.
    """
    found = {}
    for name, tensor in tensors.items():
        part, dot, rest = name.partition(".")
        renamed = f"{part}_{branch}{dot}{rest}" if part in STEMS else name
        if renamed.partition(".")[0].endswith(f"_{branch}") and not renamed.startswith(UNREAD):
            found[renamed] = tensor
    return found


def _weights(part: Path, chosen: Preset) -> Path:
    """The weights file of a part."""
    if part.is_file():
        return part
    found = read_description(part)["preset"]
    if found != chosen.name:
        raise UserError(f"the model {part} is of preset {found}, not {chosen.name}; give one of {chosen.name}.")
    return part / WEIGHTS


def _history(files: Mapping[str, Path], chosen: Preset) -> dict[str, Any]:
    """The content of training.json: where each branch is from, and what its history lets it be used for."""
    noted = [file.with_name(HISTORY) for file in files.values()]
    histories = [read_history(file) for file in noted if file.is_file()]
    licences = [row for history in histories for row in history["licences"]]
    if len(histories) < len(files):
        licences.append(UNKNOWN)
    return {
        "schema": 1,
        "preset": chosen.name,
        "start": "branches merged",
        "branches": {branch: file_digest(file) for branch, file in sorted(files.items())},
        "licences": [dict(row) for row in sorted({tuple(sorted(row.items())) for row in licences})],
        "identities": sorted({name for history in histories for name in history["identities"]}),
    }
