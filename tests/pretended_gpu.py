"""A GPU that is pretended: its tensors are computed on the CPU, and are as unlike those of the host as a GPU's.

It finds out what is on the wrong device, and how often the host waits; kernels, memory and speed are not a GPU's.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import cache
from typing import Any, Self, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from tests.forks import SERVER

GPU = torch.device("privateuseone:0")
OPS = torch.ops.aten
INDEXED = (OPS.index.Tensor, OPS._unsafe_index.Tensor, OPS.index_put.default, OPS.index_put_.default)
COPIED = (OPS.copy_.default, OPS._to_copy.default)
ASKED = (  # the host waits for a value of the device, or for a size that values decide
    OPS._local_scalar_dense.default,
    OPS.nonzero.default,
    OPS.masked_select.default,
    OPS.equal.default,
    OPS.repeat_interleave.Tensor,
)
Result = TypeVar("Result")


class OnGpu(Tensor):
    """A tensor that says it is on the device; `computed`, on the CPU, has its values."""

    computed: Tensor

    @staticmethod
    def __new__(cls: type[Self], inner: Tensor) -> Self:
        shape = inner.size(), inner.stride(), inner.storage_offset()
        with torch.inference_mode(False):  # views of weights are no inference's, and others need not be
            made: Self = Tensor._make_wrapper_subclass(cls, *shape, dtype=inner.dtype, device=GPU)
        made.computed = inner
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu{tuple(self.shape)}"

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _run(op, args, kwargs or {})


class Pretended(TorchDispatchMode):
    """Inside, there is the device; `waits` counts how often the host waited for it.

    Torch then knows of it for good, and others in the process would take it for theirs: see `apart`.
    """

    waits = 0

    def __enter__(self) -> Self:
        _known()
        super().__enter__()
        return self

    def __torch_dispatch__(self, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(op, args, kwargs or {}, self)


@cache
def _known() -> None:
    _setup_privateuseone_for_python_backend("pretended", _Module())
    torch._C._set_only_lift_cpu_tensors(True)  # tensors made of numbers come to the device by the mode's hands
    torch.__future__.set_swap_module_params_on_conversion(True)  # moved parameters stay those that an optimiser knows


class _Module(_DummyBackendModule):
    """What torch asks of the devices of a kind."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def synchronize(self, _device: Any = None) -> None: ...


def _run(op: Any, args: Any, kwargs: Any, mode: Pretended | None = None) -> Any:
    """What `op` gives, on the device of its inputs or the one asked for; RuntimeError where a GPU would refuse them."""
    if op._can_decompose():
        with mode or nullcontext():
            return op.decompose(*args, **kwargs)
    there = [one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, OnGpu)]
    device = kwargs.get("device")
    if device is not None:
        on_gpu = torch.device(device).type == GPU.type
    else:
        on_gpu = isinstance(args[0], OnGpu) if op in (OPS.copy_.default, *INDEXED) else bool(there)
    if op not in COPIED:
        _refuse_mixed(op, args, kwargs, on_gpu or bool(there))
    if mode:
        mode.waits += _waits(op, args, kwargs, from_gpu=bool(there), to_gpu=on_gpu)
    args, kwargs = pytree.tree_map_only(OnGpu, lambda one: one.computed, (args, kwargs))
    found = op(*args, **(kwargs if device is None else kwargs | {"device": torch.device("cpu")}))
    known = {id(one.computed): one for one in there}  # what is changed in its place stays the same tensor
    return pytree.tree_map_only(Tensor, lambda one: known.get(id(one), OnGpu(one) if on_gpu else one), found)


def _refuse_mixed(op: Any, args: Any, kwargs: Any, on_gpu: bool) -> None:
    """Numbers of the host are welcome as they are, and numbers of rows, which a GPU is brought."""
    rows = {id(one) for one in pytree.tree_leaves(args[1])} if op in INDEXED and isinstance(args[0], OnGpu) else set()
    of_host = [
        one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, Tensor) and not isinstance(one, OnGpu)
    ]
    strangers = [tuple(one.shape) for one in of_host if one.dim() and id(one) not in rows]
    if on_gpu and (strangers or kwargs.get("generator")):
        raise RuntimeError(f"{op}: tensors {strangers} or a generator of the host beside those of {GPU}")


def _waits(op: Any, args: Any, kwargs: Any, *, from_gpu: bool, to_gpu: bool) -> bool:
    """Whether the host waits until the device has come so far."""
    if op in COPIED:
        source, at_once = args[0], kwargs.get("non_blocking")
        if op is OPS.copy_.default:
            source, at_once = args[1], args[2:] == (True,)
        from_gpu = isinstance(source, OnGpu)
        return from_gpu != to_gpu and (from_gpu or not at_once)
    masks = args[1] if op in INDEXED else ()
    return from_gpu and (op in ASKED or any(one is not None and one.dtype is torch.bool for one in masks))


def apart(work: Callable[..., Result], *given: Any) -> Result:
    """What `work` gives in a process of its own."""
    with ProcessPoolExecutor(1, SERVER) as pool:
        return pool.submit(work, *given).result()
