"""Pickled weight files are read without running what they name."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.inert_pickle import RefusedArrayError
from model.pickled_tensors import read_arrays, read_module, read_state_dict


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)


class _Harmful:
    """Would make a file when it is unpickled the ordinary way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_module_gives_its_tensors(tmp_path: Path) -> None:
    net = _Net()
    net.conv.weight.data = net.conv.weight.data.transpose(2, 3)  # a view that is not contiguous
    torch.save(net, tmp_path / "net.pkl", _use_new_zipfile_serialization=False)
    found = read_module(tmp_path / "net.pkl")
    assert set(found) == set(net.state_dict())
    for name, value in net.state_dict().items():
        assert torch.equal(found[name], value), name


def test_a_data_parallel_prefix_is_dropped(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(2)}, tmp_path / "state.pt")
    assert torch.equal(read_state_dict(tmp_path / "state.pt")["a"], torch.ones(2))


def test_nothing_runs_in_a_module_file(tmp_path: Path) -> None:
    net = _Net()
    net.extra = _Harmful(tmp_path / "made")  # type: ignore[assignment]
    torch.save(net, tmp_path / "net.pkl", _use_new_zipfile_serialization=False)
    assert "conv.weight" in read_module(tmp_path / "net.pkl")
    assert not (tmp_path / "made").exists()


def test_arrays_come_out_under_joined_names(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(pickle.dumps({"x": {"kernel": np.arange(6.0).reshape(2, 3)}}))
    found = read_arrays(tmp_path / "a.ckpt")
    assert found["x.kernel"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_anything_but_arrays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(pickle.dumps({"x": _Harmful(tmp_path / "made")}))
    with pytest.raises(RefusedArrayError, match="mkdir"):
        read_arrays(tmp_path / "a.ckpt")
    assert not (tmp_path / "made").exists()
