"""Build plain containers and numeric arrays out of a pickle, by a machine of our own that can run nothing it names.

The standard library parses (`pickletools.genops`), the machine builds. It knows the operations that containers,
numbers, texts and numpy's arrays and scalars are written with; every other operation or name ends the reading.
"""

import io
import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from model.errors import RefusedItemError

MOST_OPERATIONS = 200_000  # some 100 faces whose embeddings are lists of floats
MOST_DEPTH = 16  # containers in containers
MOST_AXES = 8
NUMERIC = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"} | {"b1"}
LITERALS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
LITERALS |= {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
ARRAYS = ("numpy._core.multiarray", "numpy.core.multiarray")
BUFFERS = ("numpy._core.numeric", "numpy.core.numeric")
NAMES = {(module, name) for module in ARRAYS for name in ("_reconstruct", "scalar")}
NAMES |= {(module, "_frombuffer") for module in BUFFERS}
NAMES |= {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class RefusedArrayError(RefusedItemError):
    """Array data that is not read."""


@dataclass(frozen=True)
class _Name:
    """A name that the pickle calls; never imported."""

    text: str


@dataclass
class _Dtype:
    """A dtype in the making; None is numpy's `object`."""

    value: np.dtype[Any] | None


@dataclass
class _Array:
    """An array in the making; `boxed`: of objects, without axes, and `value` is the one object."""

    value: Any = None
    boxed: bool = False


def read_pickle(data: bytes, most_bytes: int) -> Any:
    """The one value that `data` pickles: dicts, lists, tuples, texts, bytes, numbers, None and numeric arrays.

    Its arrays hold at most `most_bytes` together. An array of objects without axes, as `numpy.save` writes a dict,
    counts as the object. Raises `RefusedArrayError`, and nothing else whatever the bytes are.
    """
    try:
        return _Machine(most_bytes).run(data)
    except RefusedArrayError:
        raise
    except Exception as error:  # the parser and the machine stumble in many ways over broken data
        raise RefusedArrayError(
            "unreadable", f"it is no whole pickle: {type(error).__name__}: {error}"[:300]
        ) from error


def refuse(reason: str, detail: str) -> NoReturn:
    """Raise `RefusedArrayError`."""
    raise RefusedArrayError(reason, detail)


def shaped(raw: bytes, dtype: np.dtype[Any], shape: Any, fortran: bool) -> NDArray[Any]:
    """An array of its own memory from exactly the bytes that its shape asks for; raises `RefusedArrayError`."""
    axes = tuple(shape)
    if len(axes) > MOST_AXES or not all(type(axis) is int and 0 <= axis < 2**31 for axis in axes):
        refuse("shape", f"a shape is none of an array: at most {MOST_AXES} axes of 0 to 2^31 - 1")
    wanted = math.prod(axes) * dtype.itemsize
    if wanted != len(raw):
        refuse("truncated", f"the shape {axes} of {dtype} needs {wanted} bytes, there are {len(raw)}")
    return np.frombuffer(raw, dtype).reshape(axes, order="F" if fortran else "C").copy()


class _Machine:
    """The pickle's stack machine over inert values."""

    def __init__(self, room: int) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.room = room  # bytes that arrays may still take
        self.nodes = MOST_OPERATIONS  # values that may still come out
        self.steps: dict[str, Callable[[Any], None]] = {
            **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _: None),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._put),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda place: self.stack.append(self.memo[place])),
            "MEMOIZE": lambda _: self._put(len(self.memo)),
            "MARK": lambda _: self.marks.append(len(self.stack)),
            "LIST": lambda _: self.stack.append(self._since_mark()),
            "TUPLE": lambda _: self.stack.append(tuple(self._since_mark())),
            "DICT": lambda _: self.stack.append(_paired(self._since_mark())),
            "APPEND": lambda _: self._extend([self.stack.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._update(self._top(2)),
            "SETITEMS": lambda _: self._update(self._since_mark()),
            "GLOBAL": lambda names: self._name(*names.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._top(2)),
            "REDUCE": lambda _: self._call(*self._top(2)),
            "BUILD": lambda _: self._build(self.stack.pop()),
        }

    def run(self, data: bytes) -> Any:
        file = io.BytesIO(data)
        for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MOST_OPERATIONS:
                refuse("too_large", f"it has more than {MOST_OPERATIONS} operations")
            self._step(operation.name, argument)
        if file.read(1):
            refuse("trailing", "bytes follow the end of the pickle")
        (value,) = self.stack
        if isinstance(value, _Array) and value.boxed:
            value = value.value
        return self._plain(value, 0)

    def _step(self, name: str, argument: Any) -> None:
        if name in LITERALS:
            if type(argument) is int and not -(2**63) <= argument < 2**64:
                refuse("number", "a whole number has more than 64 bits")
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in EMPTY:
            self.stack.append(EMPTY[name]())
        elif name in SHORT_TUPLES:
            self.stack.append(tuple(self._top(SHORT_TUPLES[name])))
        elif name in self.steps:
            self.steps[name](argument)
        else:
            refuse("operation", f"it uses the operation {name}, which arrays and plain containers do not need")

    def _top(self, count: int) -> list[Any]:
        taken = self.stack[-count:]
        del self.stack[-count:]
        if len(taken) < count:
            refuse("unreadable", "it takes more from its stack than was put there")
        return taken

    def _since_mark(self) -> list[Any]:
        mark = self.marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            refuse("operation", "it appends to what is no list")
        target.extend(values)

    def _update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            refuse("operation", "it sets items of what is no dict")
        target.update(_paired(values))

    def _name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:  # hashing shared tuples could take for ever
            refuse("global", "it names something by what is no text")
        if (module, name) not in NAMES:
            refuse("global", f"it names {module[:80]}.{name[:80]}, which is no array or plain container")
        self.stack.append(_Name(name))

    def _call(self, name: Any, arguments: Any) -> None:
        if not isinstance(name, _Name) or type(arguments) is not tuple:
            refuse("operation", "it calls what is no name of an array's parts")
        calls: dict[str, Callable[..., Any]] = {
            "_reconstruct": lambda *_: _Array(),
            "dtype": lambda text, *_: _Dtype(_dtype(text)),
            "scalar": lambda dtype, raw: self._fill((), dtype, False, raw)[()],
            "_frombuffer": lambda raw, dtype, shape, order: _Array(self._fill(shape, dtype, order == "F", raw)),
            "encode": lambda text, *_: self._spend(text.encode("latin-1")),
        }
        if name.text not in calls:
            refuse("operation", f"it calls {name.text}, which only numpy's own names may do")
        self.stack.append(calls[name.text](*arguments))

    def _build(self, state: Any) -> None:
        target = self.stack[-1]
        if isinstance(target, _Dtype):
            _, order, subarray, names, fields, *_ = state
            if (subarray, names, fields) != (None, None, None) or order not in ("<", ">", "|", "="):
                refuse("dtype", "an array is of compound values: only plain numbers are read")
            if target.value is not None:
                target.value = target.value.newbyteorder(order)
        elif isinstance(target, _Array):
            *_, shape, dtype, fortran, raw = state
            if isinstance(dtype, _Dtype) and dtype.value is None:
                if shape != () or type(raw) is not list:
                    refuse("object_array", "an array with axes holds objects: only numbers are read")
                (target.value,) = raw
                target.boxed = True
            else:
                target.value = self._fill(shape, dtype, bool(fortran), raw)
        else:
            refuse("operation", "it sets the state of what is no array")

    def _fill(self, shape: Any, dtype: Any, fortran: bool, raw: Any) -> NDArray[Any]:
        if not isinstance(dtype, _Dtype) or dtype.value is None or not isinstance(raw, bytes | bytearray):
            refuse("object_array", "an array holds objects: only numbers are read")
        return shaped(self._spend(bytes(raw)), dtype.value, shape, fortran)

    def _spend(self, raw: bytes) -> bytes:
        self.room -= len(raw)
        if self.room < 0:
            refuse("too_large", "its arrays take more memory than is allowed")
        return raw

    def _plain(self, value: Any, depth: int) -> Any:
        """The value with its finished arrays, as a tree that shares no container; cycles are too deep."""
        self.nodes -= 1
        if self.nodes < 0:
            refuse("too_large", f"it holds more than {MOST_OPERATIONS} values")
        if depth > MOST_DEPTH:
            refuse("too_deep", f"its containers lie more than {MOST_DEPTH} deep")
        if isinstance(value, _Array):
            if value.boxed or value.value is None:
                refuse("object_array", "an array in it holds objects or nothing: only numbers are read")
            return value.value
        if isinstance(value, _Name | _Dtype):
            refuse("global", "it holds a name where a value should be")
        if type(value) in (list, tuple):
            return type(value)(self._plain(part, depth + 1) for part in value)
        if type(value) is dict:
            return {key: self._plain(part, depth + 1) for key, part in value.items()}
        if type(value) is str:
            value.encode()  # a lone surrogate could be written nowhere
        return value


def _paired(values: list[Any]) -> dict[Any, Any]:
    keys = values[::2]
    if len(values) % 2 or not all(type(key) in (str, int) for key in keys):
        refuse("key", "a dict in it has keys that are neither texts nor whole numbers")
    return dict(zip(keys, values[1::2], strict=True))


def _dtype(text: Any) -> np.dtype[Any] | None:
    if type(text) is not str or text not in NUMERIC | {"O", "O8"}:
        refuse("dtype", "an array is of neither plain numbers nor one object")
    return np.dtype(text) if text in NUMERIC else None
