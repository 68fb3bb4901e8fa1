"""Walking tars: whole ones member by member; damaged ones up to the damage, and never for ever."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset.tar_members import DamagedTarError, walk


def tar_of(*names: str, size: int = 700, kind: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=kind) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(b"x" * size))
    return buffer.getvalue()


def fate(data: bytes) -> tuple[list[str], str]:
    """The members that are found, and why the walk ended ('' at the end mark)."""
    names: list[str] = []
    try:
        for info in walk(io.BytesIO(data)):
            assert len(data) >= info.offset_data + info.size
            names.append(info.name)
    except DamagedTarError as error:
        return names, error.reason
    return names, ""


def checked(header: bytes) -> bytes:
    """A header with the right checksum."""
    total = sum(header[:148]) + sum(header[156:512]) + 8 * 32
    return header[:148] + b"%06o\0 " % total + header[156:512]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_whole_tars_are_walked(kind: int) -> None:
    names = ("a.jpg", "x" * 90 + "/" + "y" * 99) + (() if kind == tarfile.USTAR_FORMAT else ("z" * 300, "é" * 80))
    assert fate(tar_of(*names, kind=kind)) == ([*names], "")


def test_damage_ends_the_walk_and_keeps_what_came_before() -> None:
    whole = tar_of("a", "b", "c")
    step = 512 + 1024
    broken = bytearray(whole)
    broken[step] ^= 1  # the name of b: the checksum is wrong
    back = checked(whole[step : step + 124] + b"\xff" * 12 + whole[step + 136 : step + 512])  # a negative size
    cases = [
        (whole[: step + 512 + 100], (["a"], "truncated")),
        (whole[: step + 100], (["a"], "truncated")),
        (whole[: 2 * step], (["a", "b"], "truncated")),
        (bytes(broken), (["a"], "damaged")),
        (whole[:step] + back + whole[step + 512 :], (["a"], "damaged")),
        (b"", ([], "not_a_tar")),
        (b"no tar at all" * 100, ([], "not_a_tar")),
    ]
    assert [fate(data) for data, _ in cases] == [wanted for _, wanted in cases]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=5),
    st.floats(0.2, 1),
    st.booleans(),
)
def test_no_damage_crashes_or_hangs_the_walk(
    kind: int, damage: list[tuple[float, bytes]], kept: float, mend: bool
) -> None:
    data = bytearray(tar_of("a", "m" * 60 + "/" + "n" * 90, "é" * 40, "c", size=100, kind=kind))
    for where, junk in damage:
        start = int(where * len(data))
        data[start : start + len(junk)] = junk
    if mend:
        for start in range(0, len(data) - 511, 512):
            if any(data[start + 257 : start + 262]):
                data[start : start + 512] = checked(bytes(data[start : start + 512]))
    names, _ = fate(bytes(data[: int(kept * len(data))]))
    assert len(names) <= len(data) // 512
