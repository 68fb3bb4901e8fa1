"""Kept rows: found again under their keys, joined, removed, whole after a fault, shared between processes."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.curation.kept import Kept

SCHEMA = pa.schema([("key", pa.string()), ("value", pa.int64()), ("vector", pa.list_(pa.float32()))])


def row(key: str, value: int = 0) -> dict[str, object]:
    return {"key": key, "value": value, "vector": [float(value)] * value}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with Kept(tmp_path / "kept", SCHEMA) as store:
        yield store


def test_an_empty_store_misses_everything_once(kept: Kept) -> None:
    assert kept.missing(["b", "a", "b"]).tolist() == [0, 1]
    assert kept.rows([]).num_rows == 0
    with pytest.raises(KeyError, match="a"):
        kept.rows(["a"])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), max_size=12), st.data())
def test_rows_come_in_the_order_asked_for(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]], data: st.DataObject
) -> None:
    known = sorted({key for part in parts for key in part})
    wanted = data.draw(st.lists(st.sampled_from(known), max_size=9)) if known else []
    with Kept(tmp_path_factory.mktemp("kept"), SCHEMA) as kept, pytest.MonkeyPatch.context() as patch:
        patch.setattr("components.curation.kept.TOGETHER", 3)
        for part in parts:
            kept.add([row(key, ord(key) - ord("a")) for key in part])
        for _ in range(2):
            found = kept.rows(wanted)
            assert found["key"].to_pylist() == wanted
            assert found["value"].to_pylist() == [ord(key) - ord("a") for key in wanted]
            assert [len(vector) for vector in found["vector"].to_pylist()] == found["value"].to_pylist()
            assert kept.missing("abcdefgh").tolist() == [n for n, key in enumerate("abcdefgh") if key not in known]
            kept.join()


def test_a_key_that_begins_like_another_is_not_that_one(kept: Kept) -> None:
    kept.add([row("ab", 2), row("abc", 3), row("a", 1), row("abcd", 4)])
    assert kept.rows(["abc", "a"])["value"].to_pylist() == [3, 1]
    with pytest.raises(KeyError, match="abcde"):
        kept.rows(["abc", "abcde"])


def test_parts_are_joined_when_there_are_many(kept: Kept) -> None:
    for key in "abcdefgh":
        kept.add([row(key)])
    kept.join()
    assert len(list(kept.folder.iterdir())) == 1
    assert kept.missing("abcdefghi").tolist() == [8]


def test_joined_parts_stay_small_enough_to_be_read_one_by_one(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        kept.add([row(f"{number}", number)])
    sizes = [path.stat().st_size for path in kept.folder.iterdir()]
    monkeypatch.setattr("components.curation.kept.SMALL", 4 * max(sizes))
    kept.join()
    assert 3 <= len(list(kept.folder.iterdir())) <= 5
    wanted = [str(number) for number in reversed(range(20))]
    assert kept.rows(wanted)["value"].to_pylist() == [int(key) for key in wanted]


def test_removed_rows_are_gone_from_the_disk(kept: Kept) -> None:
    kept.add([row("a", 1), row("b", 2)])
    kept.add([row("c", 3)])
    untouched = {path for path in kept.folder.iterdir() if pq.read_table(path)["key"].to_pylist() == ["c"]}
    kept.remove(["b"])
    assert kept.missing("abc").tolist() == [1]
    assert untouched <= set(kept.folder.iterdir())
    kept.remove(["a", "c"])
    assert list(kept.folder.iterdir()) == []


def test_nothing_is_joined_while_another_is_at_work(kept: Kept, tmp_path: Path) -> None:
    for key in "abcdefgh":
        kept.add([row(key)])
    with Kept(tmp_path / "kept", SCHEMA) as other:
        other.join()
        assert len(list(kept.folder.iterdir())) == 8
        assert other.missing("ab").tolist() == []


def test_a_fault_while_writing_leaves_no_part(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(self: pq.ParquetWriter, table: pa.Table) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", torn)
    with pytest.raises(OSError, match="full"):
        kept.add([row("a")])
    assert list(kept.folder.iterdir()) == []


def test_a_kill_between_joining_and_dropping_loses_and_doubles_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, key in enumerate("abcdefgh"):
        kept.add([row(key, number)])

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".parquet" and not self.name.startswith("."):
            raise KeyboardInterrupt
        real(self, missing_ok=missing_ok)

    real = Path.unlink
    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.join()
    monkeypatch.setattr(Path, "unlink", real)
    assert kept.rows("hgfedcba")["value"].to_pylist() == list(range(8))[::-1]
