"""Adapters on disk: a round trip, published merged files, and every way a file can be wrong."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.adapter.checkpoint import WEIGHTS, load_adapter, load_weights, save_adapter
from model.errors import UserError
from tests.model.tiny import tiny_adapter


def test_round_trip_is_exact(tmp_path: Path) -> None:
    adapter = tiny_adapter()
    save_adapter(adapter, tmp_path, "nano")
    again = load_adapter(tmp_path)
    assert again.sizes == adapter.sizes
    for name, tensor in adapter.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_a_merged_file_of_both_branches_in_half_precision_loads(tmp_path: Path) -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in tiny_adapter(seed=5).state_dict().items()}
    others = {name.replace("_arc", "_sig", 1): tensor.clone() for name, tensor in tensors.items()}
    save_file(tensors | others | {"siglip_in_arc.0.weight": torch.zeros(2)}, tmp_path / WEIGHTS)
    adapter = tiny_adapter(seed=6)
    load_weights(adapter, tmp_path / WEIGHTS)
    assert all(torch.equal(adapter.state_dict()[name], tensor.float()) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("fault", "word"),
    [("missing", r"ipa_arc\.0\.to_q\.weight is missing"), ("unknown", "extra is unknown"), ("shape", "has shape")],
)
def test_a_file_that_does_not_fit_is_refused_by_the_tensor_name(tmp_path: Path, fault: str, word: str) -> None:
    tensors = dict(tiny_adapter().state_dict())
    if fault == "missing":
        del tensors["ipa_arc.0.to_q.weight"]
    elif fault == "unknown":
        tensors["extra"] = torch.zeros(1)
    else:
        tensors["ipa_arc.0.to_q.weight"] = torch.zeros(3, 3)
    save_file(tensors, tmp_path / WEIGHTS)
    with pytest.raises(UserError, match=word):
        load_weights(tiny_adapter(), tmp_path / WEIGHTS)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"adapter\.json"):
        load_adapter(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        load_weights(tiny_adapter(), tmp_path / WEIGHTS)
