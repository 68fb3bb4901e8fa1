"""What a trainer is put together from: the bank, brought to its device in parts."""

from unittest.mock import patch

import pytest
import torch

from model.dataset.dataset import Dataset
from model.losses.bank import IdentityBank
from model.training import assemble as module
from model.training.data import training_set
from tests.model.training.tiny_job import BUCKETS


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
