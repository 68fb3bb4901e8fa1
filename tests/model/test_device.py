"""A GPU that is not there is a sentence wherever networks are loaded."""

from pathlib import Path

import pytest

from model.device import check_device
from model.errors import UserError
from model.faces.analyser import load_analyser
from model.sampler import Sampler


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_device("cpu")
    for load in (
        check_device,
        lambda device: load_analyser(device=device),
        lambda device: Sampler.load(tmp_path, device),
    ):
        with pytest.raises(UserError, match="the device is cuda"):
            load("cuda")


def test_a_gpu_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    check_device("cuda")
