"""Photo folders and their listings: nothing leaves the folder, nothing is dropped in silence."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.curation.items import Item, Reject, items_of
from components.curation.sources import folder as source
from model.errors import UserError


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")


def scan(folder: Path) -> tuple[list[Item], list[Reject]]:
    items, rejects = source.scan(folder)
    return items_of(items), rejects


def reasons(folder: Path) -> dict[str, str]:
    return {reject.path: reject.reason for reject in scan(folder)[1]}


def test_without_a_listing_sub_folders_name_people_as_a_hint(tmp_path: Path) -> None:
    touch(
        tmp_path, "Zoë & Co, 2/1.jpg", "Zoë & Co, 2/2.jpg", "alone/1.jpg", "top.jpg", "deep/Bo/1.jpg", "deep/Bo/2.jpg"
    )
    items, rejects = scan(tmp_path)
    assert {item.path: (item.person, item.named_by) for item in items} == {
        "Zoë & Co, 2/1.jpg": ("Zoë & Co, 2", "folder"),
        "Zoë & Co, 2/2.jpg": ("Zoë & Co, 2", "folder"),
        "alone/1.jpg": ("", ""),
        "top.jpg": ("", ""),
        "deep/Bo/1.jpg": ("Bo", "folder"),
        "deep/Bo/2.jpg": ("Bo", "folder"),
    }
    assert rejects == []


@pytest.mark.parametrize(
    ("folders", "people"),
    [
        (["2018", "2019"], ["", ""]),
        (["2019/07", "2019/Bo", "2019/07/21"], ["", "Bo", ""]),
        (["Ada", "Ada/2019", "Ada/2019/07"], ["Ada", "Ada", "Ada"]),
        (["2019-07-21 Rome", "201907", "2019.07", "21.7.2019"], ["", "", "", ""]),
        (["7", "2018", "2019", "20190721"], ["7", "2018", "2019", "20190721"]),
        (["201", "07", "1850", "20191", "201913"], ["201", "07", "1850", "20191", "201913"]),
        (["Ada 2019", "2019 Ada"], ["Ada 2019", "2019 Ada"]),
    ],
)
def test_a_date_names_nobody_and_numbers_of_people_are_no_dates(
    folders: list[str], people: list[str], tmp_path: Path
) -> None:
    touch(tmp_path, *(f"{folder}/{name}.jpg" for folder in folders for name in "ab"))
    assert {item.path: item.person for item in scan(tmp_path)[0]} == {
        f"{folder}/{name}.jpg": person for folder, person in zip(folders, people, strict=True) for name in "ab"
    }


def test_a_person_is_one_however_a_file_system_writes_the_name(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Zo\u00e9 C/1.jpg",
        "Zo\u00e9 C/2.jpg",
        "mac/Zoe\u0301  C /1.jpg",
        "mac/Zoe\u0301  C /2.jpg",
        " /1.jpg",
        " /2.jpg",
    )
    assert {(item.path[0], item.person, item.named_by) for item in scan(tmp_path)[0]} == {
        ("Z", "Zo\u00e9 C", "folder"),
        ("m", "Zo\u00e9 C", "folder"),
        (" ", "", ""),
    }


def test_links_special_files_and_hidden_ones_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "album/a.jpg", "album/.DS_Store", "album/.git/config", "outside/secret.jpg")
    album = tmp_path / "album"
    (album / "link.jpg").symlink_to(tmp_path / "outside/secret.jpg")
    (album / "way out").symlink_to(tmp_path / "outside")
    (album / "loop").symlink_to(album)
    os.mkfifo(album / "pipe.jpg")
    touch_bytes = os.fsencode(album) + b"/latin-\xe9.jpg"
    Path(os.fsdecode(touch_bytes)).write_bytes(b"x")
    items, _ = scan(album)
    assert [item.path for item in items] == ["a.jpg"]
    assert reasons(album) == {
        ".DS_Store": "hidden",
        ".git": "hidden",
        "link.jpg": "symlink",
        "way out": "symlink",
        "loop": "symlink",
        "pipe.jpg": "not_a_file",
        "latin-\\xe9.jpg": "encoding",
    }


def test_a_listing_says_who_is_who_and_what_it_gets_wrong_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "album/a.jpg", "album/b b.jpg", "album/c.jpg", "album/sub/d.jpg", "album/unlisted.jpg", "out.jpg")
    album = tmp_path / "album"
    (album / "through").symlink_to(album / "sub")
    rows = [
        ["a.jpg", "  Ada   Lovelace ", "CC0", "yes, signed"],
        ["./b b.jpg", "Zoë & Co", "", ""],
        ["a.jpg", "Bo", "", ""],
        ["../out.jpg", "", "", ""],
        [str(tmp_path / "out.jpg"), "", "", ""],
        [str(album.resolve() / "c.jpg"), "", "", ""],
        ["gone.jpg", "", "", ""],
        ["sub", "", "", ""],
        ["through/d.jpg", "", "", ""],
        ["x" * 5000, "", "", ""],
        ["", "Nobody", "", ""],
        ["c.jpg", "a", "b", "c", "unquoted"],
        ["nul\0.jpg", "", "", ""],
    ]
    with open(album / "photos.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "person", "licence", "consent"], *rows])
    items, rejects = scan(album)
    assert {item.path: item for item in items} == {
        "a.jpg": Item("a.jpg", "Ada Lovelace", "csv", licence="CC0", consent="yes, signed"),
        "b b.jpg": Item("b b.jpg", "Zoë & Co", "csv"),
        "c.jpg": Item("c.jpg"),
        "sub/d.jpg": Item("sub/d.jpg"),
        "unlisted.jpg": Item("unlisted.jpg"),
    }
    assert sorted((reject.path[:20], reject.reason) for reject in rejects) == sorted(
        [
            ("a.jpg", "duplicate_row"),
            ("../out.jpg", "outside_folder"),
            (str(tmp_path / "out.jpg")[:20], "outside_folder"),
            ("gone.jpg", "missing"),
            ("sub", "not_a_file"),
            ("through/d.jpg", "symlink"),
            ("through", "symlink"),
            ("x" * 20, "missing"),
            ("", "no_path"),
            ("c.jpg", "extra_cells"),
            ("nul\\0.jpg", "outside_folder"),
        ]
    )


@pytest.mark.parametrize(
    "data",
    [
        "path,person\né.jpg,Ada\n".encode("utf-8-sig"),
        "path,person\né.jpg,Ada\n".encode("utf-16"),
        "Path ;PERSON\r\né.jpg;Ada\r\n".encode(),
        "person\tpath\nAda\té.jpg\n".encode(),
        "path,person\ne\u0301.jpg,Ada\n".encode(),
    ],
)
def test_listings_as_spreadsheets_write_them(data: bytes, tmp_path: Path) -> None:
    touch(tmp_path, "é.jpg")
    (tmp_path / "photos.csv").write_bytes(data)
    assert scan(tmp_path) == ([Item("é.jpg", "Ada", "csv")], [])


def test_a_row_that_is_no_utf_8_is_refused_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "photos.csv").write_bytes(b"path,person\na.jpg,Ren\xe9\nb.jpg,Bo\n")
    items, rejects = scan(tmp_path)
    assert Item("b.jpg", "Bo", "csv") in items
    assert [(reject.path, reject.reason) for reject in rejects] == [("a.jpg", "encoding")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'path'"),
        ("name,person\na.jpg,Ada\n", "has no column 'path'"),
        ("path,person,path\na.jpg,Ada,b.jpg\n", "has the column 'path' more than once"),
        ("path,person\n" + '"' + "x" * 200_000 + "\n", "is not readable as CSV at line"),
    ],
)
def test_a_listing_that_cannot_be_read_says_what_to_do(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        scan(tmp_path)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_listing_that_is_no_file_is_not_passed_over(kind: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    if kind == "link":
        (tmp_path / "people.csv").write_text("path,person\na.jpg,Ada\n")
        (tmp_path / "photos.csv").symlink_to("people.csv")
    elif kind == "pipe":
        os.mkfifo(tmp_path / "photos.csv")
    else:
        touch(tmp_path, "photos.csv/b.jpg")
    with pytest.raises(UserError, match=r"photos\.csv is a link, or no file"):
        scan(tmp_path)


def test_blanks_around_a_path_are_no_part_of_it_unless_there_is_such_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", " b.jpg", "b.jpg")
    (tmp_path / "photos.csv").write_text("person, path\nAda, a.jpg\nBo, b.jpg\n")
    assert {item.path: item.person for item in scan(tmp_path)[0]} == {"a.jpg": "Ada", " b.jpg": "Bo", "b.jpg": ""}


def test_paths_as_windows_writes_them_name_files_unless_there_is_such_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a/b.jpg", "c/d.jpg", "c\\d.jpg")
    (tmp_path / "photos.csv").write_text("path,person\na\\b.jpg,Ada\nc\\d.jpg,Bo\n..\\out.jpg,Cy\n")
    items, rejects = scan(tmp_path)
    assert {item.path: item.person for item in items} == {"a/b.jpg": "Ada", "c\\d.jpg": "Bo", "c/d.jpg": ""}
    assert [reject.reason for reject in rejects] == ["missing"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        scan(tmp_path / "nowhere")


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_scan_or_name_a_file_outside(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    touch(folder, "a.jpg")
    (folder / "photos.csv").write_bytes(b"path,person\n" + data)
    try:
        items, _ = scan(folder)
    except UserError:
        return
    assert [item.path for item in items] == ["a.jpg"]
