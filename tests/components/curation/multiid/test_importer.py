"""Importing releases: fields, refusals with their counts, damage, resuming."""

import csv
import errno
import json
import os
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.curation.multiid import importer
from components.curation.multiid.importer import import_release
from components.curation.multiid.layout import parts_of
from components.curation.multiid.record import RefusedSampleError, read_record
from components.curation.multiid.samples import Packed
from components.curation.sources.folder import scan
from model.artefacts import read_json
from model.dataset.records import read_table
from model.errors import UserError
from tests.components.curation.multiid.releases import Members, jpg, npy, portrait, sample, write_tar


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "photos.csv", encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def truth(folder: Path) -> dict[str, Any]:
    return {photo["key"]: photo for photo in read_json(folder / "truth.json")["photos"]}


def reasons(folder: Path) -> Counter[str]:
    return Counter(read_table(folder, "rejects")["reason"].to_pylist())


def read(members: Members, identity: str | None = None) -> Any:
    return read_record(Packed("k", *(data for _, data in members)), identity)


def test_a_release_becomes_a_photo_folder_that_names_only_the_references(tmp_path: Path) -> None:
    release = tmp_path / "release"
    write_tar(release / "ref/tars/000.tar", portrait("7/a", 1) + portrait("12/b", 2))
    write_tar(release / "ref/tars/9.tar", portrait("c", 3))
    for name, data in portrait("d", 4):
        (release / "ref/31").mkdir(parents=True, exist_ok=True)
        (release / "ref/31" / name).write_bytes(data)
    write_tar(release / "train_rec/re_000000.tar", sample("0001", 5, caption_en="two\n people") + sample("0002", 6))
    write_tar(release / "train_cp/re_000000.tar", sample("0001", 5))
    counts = import_release(release, tmp_path / "photos")
    assert counts == {"photos": 6, "duplicate": 1}
    found = rows(tmp_path / "photos")
    assert sorted(row["person"] for row in found.values()) == ["", "", "12", "31", "7", "9"]
    group = found["train_cp/re_000000/0001.jpg"]
    assert (group["source"], group["caption"]) == ("http://a.b/c", "")
    assert "research only" in group["licence"]
    assert (tmp_path / "photos/train_cp/re_000000/0001.jpg").read_bytes() == jpg(5)
    faces = truth(tmp_path / "photos")["0001"]["faces"]
    assert faces == [{"person": "7", "box": [5, 6, 35, 46]}, {"person": None, "box": [60, 10, 90, 40]}]
    assert truth(tmp_path / "photos")["7/a"]["faces"][0]["person"] == "7"
    items, rejects = scan(tmp_path / "photos")
    assert set(items["path"].to_pylist()) == set(found)
    assert rejects == []
    assert not list(tmp_path.glob(".photos*"))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None, "names": [7, None]},
        {"name": None, "keyword": "7 none"},
        {"name": "7 -1"},
        {"name": [7, "None"]},
        {"bboxes": [[105, 206, 135, 246], [160, 210, 190, 240]], "crop": [100, 200, 220, 280]},
        {"bboxes": None, "arrays": {"embedding": np.ones((2, 4)), "bboxes": [[5, 6, 35, 46], [60, 10, 90, 40]]}},
        {"arrays": {"embeddings": [np.ones(4), np.zeros(4)]}},
    ],
)
def test_variants_of_the_fields_say_the_same(fields: dict[str, Any]) -> None:
    found = read(sample("k", **fields))
    assert found.people == ("7", None)
    assert found.boxes == ((5, 6, 35, 46), (60, 10, 90, 40))
    assert found.size == (120, 80)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "three names": ({"name": ["7", "8", "9"]}, "counts_disagree"),
    "three embeddings": ({"arrays": {"embeddings": np.ones((3, 4))}}, "counts_disagree"),
    "one box": ({"bboxes": [[5, 6, 35, 46]]}, "counts_disagree"),
    "a box beyond the photo": ({"bboxes": [[5, 6, 35, 46], [110, 10, 150, 40]]}, "box_outside"),
    "a box that its crop cut off": ({"crop": [70, 0, 190, 80]}, "box_outside"),
    "a crop beyond all figures": ({"crop": [1e308, 0, 1e308, 0]}, "box_outside"),
    "a box without an area": ({"bboxes": [[0, 0, 1e-200, 1e-200], [60, 10, 90, 40]]}, "box_outside"),
    "a box turned over": ({"bboxes": [[35, 6, 5, 46], [60, 10, 90, 40]]}, "bad_field"),
    "boxes of three": ({"bboxes": [[1, 2, 3], [1, 2, 3]]}, "bad_field"),
    "ragged boxes": ({"bboxes": [[1, 2, 3, 4], [1, 2, 3]]}, "bad_field"),
    "boxes of texts": ({"bboxes": [["1", "2", "3", "4"]] * 2}, "bad_field"),
    "an infinite box": ({"bboxes": [[1, 2, 1e999, 4]] * 2}, "bad_json"),
    "no boxes": ({"bboxes": None}, "missing_field"),
    "no names": ({"name": None}, "missing_field"),
    "a name that is a path": ({"name": ["../7", None]}, "bad_field"),
    "a name that is a truth value": ({"name": [True, None]}, "bad_field"),
    "a caption that is a list": ({"caption_en": ["x"]}, "bad_field"),
    "half a character": ({"caption_en": "\ud800"}, "bad_field"),
    "an endless caption": ({"caption_en": "x" * 200_000}, "bad_field"),
    "a crop of two": ({"crop": [1, 2]}, "bad_field"),
    "no embeddings": ({"arrays": {"boxes": np.ones((2, 4))}}, "missing_field"),
    "embeddings of no number": ({"arrays": {"embeddings": np.full((2, 4), np.nan)}}, "bad_field"),
    "a list for a dict": ({"arrays": [1, 2]}, "bad_npy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_that_cannot_be_used_says_why(name: str) -> None:
    fields, reason = REFUSED[name]
    with pytest.raises(RefusedSampleError) as refusal:
        read(sample("k", **fields))
    assert refusal.value.reason == reason


def test_members_of_every_odd_kind_are_counted_and_the_rest_is_kept(tmp_path: Path) -> None:
    whole = sample("ok", 1)
    odd = [
        *whole[:2],  # ok again, later, without its .npy
        *sample("../up", 2),
        *sample("/root", 3),
        *sample("a/../../b", 4),
        ("readme.txt", b"words"),
        *sample("twice", 5)[:1],
        *sample("twice", 5),
        *sample("after", 6),
    ]
    write_tar(tmp_path / "r/train_rec/re_000000.tar", whole + sample("next", 7) + odd)
    write_tar(tmp_path / "r/train_rec/empty.tar", [])
    counts = import_release(tmp_path / "r", tmp_path / "out")
    assert counts == {"photos": 3, "duplicate_key": 1, "duplicate_member": 1, "unknown_member": 1, "unsafe_name": 9}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r"]


def test_what_is_no_part_of_a_release_is_counted(tmp_path: Path) -> None:
    release = tmp_path / "r"
    write_tar(release / "train_rec/re_000000.tar", sample("a", 1))
    for name in ("train_rec/folder.tar", "ref/tars/folder.tar", "train_cp/sub", "ref/tars", "train_cp/.cache"):
        (release / name).mkdir(parents=True, exist_ok=True)
    (release / "ref/tars/folder.tar/p.jpg").write_bytes(jpg(2))
    os.mkfifo(release / "train_rec/pipe.tar")
    (release / "train_rec/link.tar").symlink_to(tmp_path / "nowhere")
    write_tar(Path(os.fsdecode(os.fsencode(release) + b"/train_rec/caf\xe9.tar")), sample("b", 3))
    for name in ("train_rec/re_000001.tar.part", "ref/readme.md", "ref/x.tar", "ref/cluster_centers.tar"):
        (release / name).write_bytes(b"x")
    counts = import_release(release, tmp_path / "out")
    assert counts == {"photos": 1, "encoding": 1, "hidden": 1, "not_a_file": 4, "not_a_part": 4}
    rows = read_table(tmp_path / "out", "rejects").to_pylist()
    assert sorted((row["path"], row["reason"]) for row in rows) == [
        ("ref/readme.md", "not_a_part"),
        ("ref/tars/folder.tar", "not_a_file"),
        ("ref/x.tar", "not_a_part"),
        ("train_cp/.cache", "hidden"),
        ("train_cp/sub", "not_a_part"),
        ("train_rec/caf\\xe9.tar", "encoding"),
        ("train_rec/folder.tar", "not_a_file"),
        ("train_rec/link.tar", "not_a_file"),
        ("train_rec/pipe.tar", "not_a_file"),
        ("train_rec/re_000001.tar.part", "not_a_part"),
    ]


def test_a_part_that_may_not_be_looked_at_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "r/train_rec/re_000000.tar", sample("a", 1))
    write_tar(tmp_path / "r/train_cp/locked.tar", sample("b", 2))
    stat = os.stat

    def refuse(path: Path, *rest: object, **more: object) -> object:
        if str(path).endswith("locked.tar"):  # as in a folder that may be listed but not entered
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    assert import_release(tmp_path / "r", tmp_path / "out") == {"photos": 1, "unreadable": 1}
    (tmp_path / "r/train_rec/re_000000.tar").unlink()
    with pytest.raises(UserError, match=r"is no release .* \(1 unreadable\)"):
        import_release(tmp_path / "r", tmp_path / "again")


def test_a_release_under_a_name_that_is_no_utf_8_is_imported(tmp_path: Path) -> None:
    release = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    write_tar(release / "train_rec/re_000000.tar", sample("a", 1))
    assert import_release(release, tmp_path / "out") == {"photos": 1}


def test_a_cut_tar_gives_what_came_before(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "r/train_rec/re_000000.tar", sample("a", 1) + sample("b", 2) + sample("c", 3))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"c.json") + 100])
    counts = import_release(tmp_path / "r", tmp_path / "out")
    assert counts == {"photos": 2, "missing_member": 1, "truncated": 1}


def test_what_is_no_release_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r/train_rec").mkdir(parents=True)
    with pytest.raises(UserError, match="is no release"):
        import_release(tmp_path / "r", tmp_path / "out")
    (tmp_path / "r/train_rec/a.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(UserError, match="1 not_a_tar"):
        import_release(tmp_path / "r", tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="is there already"):
        import_release(tmp_path / "r", tmp_path / "out")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(UserError, match="is there already"):
        import_release(tmp_path / "r", tmp_path / "link")


def test_finding_the_same_bytes_takes_little_memory_of_each_photo(tmp_path: Path) -> None:
    count = 10_000
    write_tar(tmp_path / "r/train_rec/re_000000.tar", sample("0", 1))
    [part], _ = parts_of(tmp_path / "r")
    lines = [
        {"photo": {"row": {"path": f"{n}.jpg"}, "truth": {}, "digest": f"{n % (count - 1):032x}"}} for n in range(count)
    ]
    note = importer._note(tmp_path, part)
    note.parent.mkdir()
    note.write_text("".join(json.dumps(line) + "\n" for line in [{"stamp": ""}, *lines]), "utf-8")
    del lines
    tracemalloc.start()
    said = importer._join(tmp_path, [part], [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said == {"photos": count - 1, "duplicate": 1}
    assert read_table(tmp_path, "rejects")["detail"].to_pylist() == ["it has the same bytes as 0.jpg"]
    assert peak < 120 * count


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6), st.floats(0.3, 1))
def test_a_damaged_tar_is_imported_or_refused(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, bytes]], kept: float
) -> None:
    place = tmp_path_factory.mktemp("damaged")
    path = write_tar(place / "r/train_rec/re_000000.tar", sample("a", 1) + sample("b", 2))
    data = bytearray(path.read_bytes())
    for where, junk in damage:
        start = int(where * len(data))
        data[start : start + len(junk)] = junk
    path.write_bytes(data[: int(kept * len(data))])
    try:
        counts = import_release(place / "r", place / "out")
    except UserError:
        assert not (place / "out").exists()
    else:
        assert counts["photos"] == len(rows(place / "out"))
        assert sum(counts.values()) - counts["photos"] == sum(reasons(place / "out").values())
    assert {path.name for path in place.iterdir()} <= {"r", "out", ".out.unfinished"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["bboxes", "name", "names", "keyword", "crop", "url", "caption_en"]), JSON)


@settings(deadline=None, max_examples=100)
@given(FIELDS)
def test_fields_of_any_type_are_read_or_refused(fields: dict[str, Any]) -> None:
    said = {"bboxes": [[5, 6, 35, 46]], "name": ["7"]} | fields
    packed = Packed("k", jpg(), json.dumps(said).encode(), npy({"embeddings": np.ones((1, 4))}))
    try:
        found = read_record(packed)
    except RefusedSampleError:
        return
    assert len(found.boxes) == len(found.people)
