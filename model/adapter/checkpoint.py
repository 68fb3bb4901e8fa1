"""Adapters on disk: safetensors under the published key names, with the sizes beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.artefacts import new_file, read_json, write_json
from model.errors import UserError

WEIGHTS = "adapter.safetensors"
SIZES = "adapter.json"
LICENCE = ("name", "licence", "use")  # what each licence in a model's history says
PARTS = ("ipa_arc.", "arcface_in_arc.", "siglip_in_arc.", "ipa_sig.", "arcface_in_sig.", "siglip_in_sig.")


def save_adapter(adapter: IdentityAdapter, folder: Path, preset: str) -> None:
    """Write `adapter.safetensors` and `adapter.json` into `folder`, an existing folder."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in adapter.state_dict().items()}
    with new_file(folder / WEIGHTS) as draft:  # safetensors writes several entries of metadata in any order
        save_file(tensors, draft, metadata={"format": "pt"})
    write_json(folder / SIZES, {"schema": 1, "preset": preset, "sizes": adapter.sizes.as_dict()})


def load_adapter(folder: Path, dtype: torch.dtype = torch.float32) -> IdentityAdapter:
    """Read the adapter of a model folder as `dtype`; UserError where something is missing or does not fit."""
    described = read_description(folder)
    with torch.device("meta"):
        adapter = IdentityAdapter(AdapterSizes.read(described["sizes"], Path(folder) / SIZES))
    load_weights(adapter, folder / WEIGHTS, dtype)
    return adapter


def read_description(folder: Path) -> dict[str, Any]:
    """The content of `adapter.json`: `preset` (a name) and `sizes`."""
    path = Path(folder) / SIZES
    if not path.is_file():
        raise UserError(f"model {folder}: has no {SIZES}; give a folder that the train step wrote.")
    described = read_json(path, "schema", "preset", "sizes")
    if described.get("schema") != 1:
        raise UserError(f"{path}: schema is {described.get('schema')}, this version reads 1; train the model again.")
    return described


def load_weights(adapter: IdentityAdapter, file: Path, dtype: torch.dtype | None = torch.float32) -> None:
    """Load `file` into `adapter` (which may be on the meta device) as `dtype`; None: as they lie in the file.

    A branch of a published merged file that the adapter does not have is left out, as is `siglip_in_arc`, which nothing
    reads. UserError names the first tensor that is missing, unknown or of another shape.
    """
    if not Path(file).is_file():
        raise UserError(
            f"adapter weights {file}: there is no such file; give a model folder or an adapter.safetensors."
        )
    own = {name.split(".")[0] + "." for name in adapter.state_dict()}
    unread = tuple(part for part in PARTS if part not in own)
    tensors = {name: tensor for name, tensor in read_tensors(file).items() if not name.startswith(unread)}
    check_weights(tensors, adapter.state_dict(), file)
    adapter.load_state_dict({name: tensor.to(dtype=dtype) for name, tensor in tensors.items()}, assign=True)


def read_tensors(file: Path, what: str = "adapter weights", remedy: str = "bring the file anew") -> dict[str, Tensor]:
    """The tensors of a safetensors file; UserError where it cannot be read."""
    try:
        return load_file(file)
    except (SafetensorError, FileNotFoundError) as error:
        raise UserError(f"{what} {file}: no readable safetensors ({error}); {remedy}.") from error


def check_weights(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: object) -> None:
    """Raise UserError with the first name, of what was read from `source`, that is not as `wanted`."""
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors:
            raise UserError(f"adapter weights {source}: {name} is missing; the file is not an adapter of this preset.")
        if name not in wanted:
            raise UserError(f"adapter weights {source}: {name} is unknown; the file is not an adapter of this preset.")
        if tensors[name].shape != wanted[name].shape:
            found, needed = tuple(tensors[name].shape), tuple(wanted[name].shape)
            raise UserError(f"adapter weights {source}: {name} has shape {found}, the preset needs {needed}.")


def read_history(file: Path) -> dict[str, Any]:
    """A model's training.json; UserError where it does not say of whom and of what `licences` the model is made."""
    found = read_json(file, "identities", "licences")
    kinds = {"identities": (_is_text, "names"), "licences": (_is_licence, f"objects with {', '.join(LICENCE)}")}
    for field, (fits, what) in kinds.items():
        if not (isinstance(found[field], list) and all(map(fits, found[field]))):
            raise UserError(f"{file}: {field} is no list of {what}; bring the file back as the train step wrote it.")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_licence(row: Any) -> bool:
    return isinstance(row, dict) and row.keys() >= set(LICENCE) and all(map(_is_text, row.values()))
