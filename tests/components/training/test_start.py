"""What a training starts from: an adapter that is made where it is trained, of the weights that were there at first."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from components.training.start import SCRATCH, find_start
from model.adapter.checkpoint import save_adapter
from model.artefacts import write_json
from model.errors import UserError
from model.training.assemble import new_adapter
from tests.components.training.tiny_step import tiny_preset
from tests.model.tiny import tiny_adapter

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in 16 bits."""
    save_adapter(tiny_adapter().bfloat16(), tmp_path, "tiny")
    write_json(tmp_path / "training.json", {"identities": ["ann"], "licences": []})
    return tmp_path


def test_a_start_in_16_bits_is_trained_in_32(folder: Path) -> None:
    kept = load_file(folder / "adapter.safetensors")
    made = find_start(str(folder), tiny_preset(), 7).adapter_on(CPU).state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in made.values())
    assert all(torch.equal(tensor, kept[name].float()) for name, tensor in made.items())


def test_weights_that_take_the_place_of_a_start_later_are_not_taken(folder: Path) -> None:
    file = folder / "adapter.safetensors"
    kept = load_file(file)
    start = find_start(str(folder), tiny_preset(), 7)
    file.unlink()
    save_file({name: torch.zeros_like(tensor) for name, tensor in kept.items()}, file)
    assert all(torch.equal(made, kept[name].float()) for name, made in start.adapter_on(CPU).state_dict().items())


def test_an_untrained_start_is_that_of_its_seed() -> None:
    made = find_start(SCRATCH, tiny_preset(), 7).adapter_on(CPU).state_dict()
    again = new_adapter(tiny_preset(), 7).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in made.items())


def test_a_start_that_does_not_fit_is_refused_before_it_is_made(folder: Path) -> None:
    file = folder / "adapter.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if "to_q" not in name}, file)
    with pytest.raises(UserError, match=r"to_q\.weight is missing"):
        find_start(str(folder), tiny_preset(), 7)
