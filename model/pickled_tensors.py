"""Read tensors out of pickled weight files without running anything that they name."""

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from model.inert_pickle import read_pickle

DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a state dict saved by torch, through torch's own weights-only reader."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name.removeprefix("module."): value.contiguous() for name, value in state.items()}


def read_module(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a whole pickled module in torch's legacy file format, which the weights-only reader does not take.

    Every class that the file names becomes an inert stand-in; only tensors and containers come out.
    """
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, protocol and system information precede the module
            _StandInReader(file).load()
        reader = _StandInReader(file)
        module = reader.load()
        keys = _StandInReader(file).load()
        storages = {key: _read_storage(file, reader.dtypes[key]) for key in keys}
    found: dict[str, torch.Tensor] = {}
    _collect(module, "", storages, found)
    return {name.removeprefix("module."): value for name, value in found.items()}


def read_arrays(path: Path) -> dict[str, torch.Tensor]:
    """Arrays of a pickled tree of dicts of numpy arrays, under names joined by dots.

    Raises `RefusedArrayError` when the file names anything else.
    """
    data = path.read_bytes()
    found: dict[str, torch.Tensor] = {}
    _flatten(read_pickle(data, most_bytes=len(data)), "", found)
    return found


class _Inert:
    """Stands for a class that a file names: keeps the state it is given and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _View:
    """A tensor as the file describes it: storage key, offset, shape and strides in elements."""

    def __init__(
        self, storage: tuple[str, np.dtype], offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        self.key, self.dtype = storage
        self.offset, self.shape, self.stride = offset, shape, stride

    def tensor(self, storages: dict[str, np.ndarray]) -> torch.Tensor:
        flat = storages[self.key]
        reach = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))
        if min(self.shape, default=1) > 0 and not 0 <= reach < len(flat):
            raise pickle.UnpicklingError(
                f"tensor of shape {self.shape} reaches outside its storage of {len(flat)} elements"
            )
        strides = tuple(s * self.dtype.itemsize for s in self.stride)
        view = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides, writeable=False)
        return torch.from_numpy(view.copy())


class _StandInReader(pickle.Unpickler):
    """Rebuilds containers and tensor descriptions; every other class is an `_Inert`."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.dtypes: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, stride, *_: _View(
                storage, offset, shape, stride
            ),
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        return allowed.get((module, name)) or type(name, (_Inert,), {})

    def persistent_load(self, reference: Any) -> Any:
        if reference[0] == "module":  # (kind, class, source file, source text): only the class's stand-in is kept
            return reference[1]
        _, dtype, key, *_ = reference
        self.dtypes[key] = dtype
        return key, dtype


def _read_storage(file: BinaryIO, dtype: np.dtype) -> np.ndarray:
    """A legacy storage: the element count as a 64-bit integer, then the elements."""
    (count,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


def _collect(module: Any, prefix: str, storages: dict[str, np.ndarray], found: dict[str, torch.Tensor]) -> None:
    for group in ("_parameters", "_buffers"):
        for name, value in (getattr(module, group, None) or {}).items():
            if isinstance(value, _View):
                found[prefix + name] = value.tensor(storages)
    for name, child in (getattr(module, "_modules", None) or {}).items():
        _collect(child, f"{prefix}{name}.", storages, found)


def _flatten(tree: Any, prefix: str, found: dict[str, torch.Tensor]) -> None:
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            found[prefix + name] = torch.from_numpy(np.ascontiguousarray(value))
        else:
            _flatten(value, f"{prefix}{name}.", found)
