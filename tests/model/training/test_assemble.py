"""What a trainer is put together from: an untrained adapter, made in layers; the bank, brought over in parts."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn

from model.adapter.network import IdentityAdapter
from model.adapter.sizes import AdapterSizes
from model.dataset.dataset import Dataset
from model.losses.bank import IdentityBank
from model.presets import Preset, nano
from model.training import assemble as module
from model.training.data import training_set
from tests.model.training.tiny_job import BUCKETS


@pytest.fixture(scope="module")
def both() -> Preset:
    """A small preset whose adapter has both branches."""
    size = replace(nano().adapter, tokens=2, heads=2, head_dim=4, branches=("arc", "sig"), features=6, patches=4)
    return replace(nano(), adapter=size)


def test_an_untrained_adapter_made_in_layers_has_the_values_of_one_made_at_once(both: Preset) -> None:
    before = torch.random.get_rng_state()
    made = module.new_adapter(both, 11)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        at_once = IdentityAdapter(AdapterSizes.of(both)).state_dict()
    assert made.state_dict().keys() == at_once.keys()
    assert all(torch.equal(tensor, at_once[name]) for name, tensor in made.state_dict().items())
    assert not any(attention.to_out.weight.any() for attention in made.attentions("sig"))


def test_an_untrained_adapter_for_another_device_is_never_whole_on_this_one(both: Preset) -> None:
    layers, here, move = list[int](), set[int](), nn.Module.to

    def moved(layer: Any, device: Any) -> Any:
        layers.append(sum(weight.nbytes for weight in layer.parameters()))
        here.add(sum(weight.nbytes for weight in adapter.parameters() if weight.device.type == "cpu"))
        return move(layer, device)

    with torch.device("meta"):
        adapter = IdentityAdapter(AdapterSizes.of(both))
    with patch.object(module, "IdentityAdapter", return_value=adapter), patch.object(nn.Module, "to", moved):
        module.new_adapter(both, 11, "meta")
    assert max(here) == max(layers) < sum(layers) / 2


def test_the_bank_is_copied_a_part_at_a_time(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 5)
    data, device = training_set(dataset, BUCKETS), torch.device("cpu")
    raw, codes = torch.from_numpy(data.embeddings[data.bank_rows]), torch.from_numpy(data.bank_codes)
    expected = IdentityBank.of(raw, codes).to(device)
    with patch.object(IdentityBank, "of", side_effect=IdentityBank.of) as copied:
        bank = module._bank(data, device)
    assert len(raw) > 2 * 5
    assert max(len(call.args[0]) for call in copied.call_args_list) == 5
    assert bank.embeddings.dtype == expected.embeddings.dtype
    assert torch.equal(bank.embeddings, expected.embeddings)
    assert torch.equal(bank.identities, expected.identities)
