"""Arrays of any origin: what numpy writes is read, what could run or swell is refused, and nothing else is raised."""

import contextlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.inert_pickle import RefusedArrayError, read_pickle
from model.npy import read_npy

ROOM = 1 << 20


def saved(value: Any) -> bytes:
    """What `numpy.save` makes of it."""
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


RELEASED = saved(
    np.array(
        {
            "embeddings": np.arange(12, dtype="f4").reshape(3, 4),
            "bboxes": [[1, 2.5, 3, 4]] * 3,
            "name": ["7", None, "é"],
        },
        dtype=object,
    )
)


def reason(data: bytes) -> str:
    with pytest.raises(RefusedArrayError) as refusal:
        read_npy(data)
    assert str(refusal.value)
    return refusal.value.reason


def test_a_released_dict_comes_out_as_numpy_reads_it() -> None:
    found = read_npy(RELEASED)
    assert found["embeddings"].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert found["embeddings"].flags.owndata
    assert (found["bboxes"], found["name"]) == ([[1, 2.5, 3, 4]] * 3, ["7", None, "é"])


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_order_and_width_is_read(protocol: int) -> None:
    kinds = ("<f2", ">f4", "<f8", "i1", ">i8", "<u2", "?")
    value = {kind: np.arange(6).astype(kind).reshape(2, 3).T for kind in kinds} | {"scalar": np.float32(0.5)}
    found = read_pickle(pickle.dumps(value, protocol), ROOM)
    assert found.pop("scalar") == 0.5
    for kind, array in found.items():
        assert array.dtype == np.dtype(kind)
        assert np.array_equal(array, value[kind])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 5), (2, 3, 4)])
def test_plain_arrays_are_read(order: Any, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.random.default_rng(0).random(shape), order=order)
    assert np.array_equal(read_npy(saved(array)), array)


class Calls:
    """Pickles as the call of anything."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


def test_a_call_is_refused_by_its_name_and_not_made(tmp_path: Path) -> None:
    harmful = saved(np.array({"embeddings": Calls(os.mkdir, (str(tmp_path / "made"),))}, dtype=object))
    with pytest.raises(RefusedArrayError, match="mkdir") as refusal:
        read_npy(harmful)
    assert refusal.value.reason == "global"
    assert not (tmp_path / "made").exists()


def test_what_swells_is_refused_at_once() -> None:
    shared: Any = ()
    for _ in range(60):
        shared = (shared, shared)  # 2^60 leaves
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    flat = [np.zeros(0)] * 7000
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (shared, deep, cycle):
        with pytest.raises(RefusedArrayError) as refusal:
            read_pickle(pickle.dumps(value, 4), ROOM)
        assert refusal.value.reason == "too_deep"
    doubled = b"))\x86" + b"q\x01h\x01\x86" * 60  # the same tuple; hashing it would take 2^60 steps
    with pytest.raises(RefusedArrayError, match="keys"):
        read_pickle(b"\x80\x04}" + doubled + b"K\x01s.", ROOM)
    with pytest.raises(RefusedArrayError, match="no text"):
        read_pickle(b"\x80\x04" + doubled + doubled + b"\x93.", ROOM)
    wide: Any = flat
    for _ in range(3):
        wide = [wide] * 50
    with pytest.raises(RefusedArrayError, match="more than"):
        read_pickle(pickle.dumps(wide, 4), ROOM)


def test_arrays_that_share_bytes_take_their_own_room() -> None:
    block = np.zeros(ROOM // 4, "u1").tobytes()
    made = [
        Calls(np.frombuffer(block, "u1").__reduce__()[0], (np.ndarray, (0,), b"b"), (1, (ROOM // 4,), "x", 0, block))
    ]
    with pytest.raises(RefusedArrayError):
        read_pickle(pickle.dumps(made, 4), ROOM)
    text = "\xff" * (ROOM // 4)
    import _codecs

    with pytest.raises(RefusedArrayError, match="more memory"):
        read_pickle(pickle.dumps([Calls(_codecs.encode, (text, "latin1")) for _ in range(5)], 4), ROOM)


def test_compound_and_object_arrays_are_refused() -> None:
    assert reason(saved(np.zeros(2, [("a", "f4")]))) == "dtype"
    assert reason(saved(np.array(["text"]))) == "dtype"
    assert reason(saved(np.array([1j]))) == "dtype"
    assert reason(saved(np.array([{}, {}], dtype=object))) == "object_array"
    inner = np.array([None, 1], dtype=object)
    assert reason(saved(np.array({"embeddings": inner}, dtype=object))) == "object_array"
    boxed = np.array(np.array(None, dtype=object), dtype=object)
    assert read_npy(saved(boxed)) is None


@pytest.mark.parametrize("cut", [0, 5, 9, 60, 127, 128, 140, 300, len(RELEASED) - 1])
def test_what_was_cut_is_refused(cut: int) -> None:
    reason(RELEASED[:cut])


def test_bytes_after_the_end_are_refused() -> None:
    assert reason(RELEASED + b"x") == "trailing"
    assert reason(saved(np.zeros(3)) + b"x") == "truncated"


def read_or_refuse(data: bytes) -> None:
    """Read, where nothing but the documented error may be raised."""
    for reader in (read_npy, lambda data: read_pickle(data, ROOM)):
        with contextlib.suppress(RefusedArrayError):
            reader(data)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=200).map(lambda tail: b"\x93NUMPY\x01\x00" + tail)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refuse(data)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6), st.integers(0, 5)
)
def test_damage_to_what_was_sound_is_read_or_refused(damage: list[tuple[float, bytes]], protocol: int) -> None:
    value = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": [1.5, (None, "x")], "c": np.float64(1)}
    for sound in (RELEASED, pickle.dumps(value, protocol)):
        data = bytearray(sound)
        for where, junk in damage:
            start = int(where * len(data))
            data[start : start + len(junk)] = junk
        read_or_refuse(bytes(data))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(PLAIN, st.integers(0, 5))
def test_plain_values_come_back_equal(value: Any, protocol: int) -> None:
    found = read_pickle(pickle.dumps(value, protocol), ROOM)
    assert found == value
    assert type(found) is type(value)
