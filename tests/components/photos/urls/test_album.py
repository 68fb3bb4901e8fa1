"""A list of URLs through the whole step: the folder it becomes, the refused, and a kill in the middle."""

import csv
import datetime as dt
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.curation.items import items_of
from components.curation.sources.folder import scan
from components.files import ID_DIGITS
from components.photos import step
from components.photos.config import PhotosConfig
from components.photos.step import run
from components.photos.urls.album import limits_of
from components.photos.urls.kept import ALBUM, LOCK, forget_downloads
from components.photos.urls.ledger import NAME
from components.tombstones import FORGOTTEN, Tombstone, Tombstones, name_digest
from model.artefacts import folder_digest, read_json
from model.errors import BusyError, UserError
from tests.components.photos.urls.loopback import Page, Site, picture, serving

ROOT = Path(__file__).resolve().parents[4]
KEPT = (ALBUM, LOCK, NAME)  # all that stays in the cache of downloads that ended well
RUN = """
import sys
from pathlib import Path
from components.photos.config import PhotosConfig
from components.photos.step import run
run(photos=Path(sys.argv[2]), config=PhotosConfig(urls=sys.argv[1], allow_private=True, connections=2))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WITHANYONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_list(site: Site, path: Path) -> Path:
    rows = [
        {"url": f"{site.root}/a", "person": "Ada", "licence": "CC0", "caption": "=one, two\nlines", "consent": "yes"},
        {"url": f"{site.root}/404", "person": "Bo"},
        {"url": "ftp://x/a"},
        {"url": "http://xn--/a"},
        {"url": f" {site.root}/b#part ", "person": "René", "query": "portrait"},
        {"url": f"{site.root}/b", "person": "again"},
        {"url": f"{site.root}/b?x=1", "sha256": "abc"},
    ]
    names = ["url", "sha256", "person", "licence", "consent", "query", "caption"]
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names])), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_list_becomes_a_folder_that_curation_reads(suffix: str, tmp_path: Path, cache: Path) -> None:
    with serving() as site:
        site.pages = {"/a": Page(picture(1), slow=0.02), "/b": Page(picture(2, "PNG"))}
        config = PhotosConfig(urls=str(write_list(site, tmp_path / f"list{suffix}")), allow_private=True)
        run(photos=tmp_path / "out", config=config)
        site.pages = {"/a": Page(picture(1)), "/b": Page(picture(2, "PNG"), slow=0.02)}
        run(photos=tmp_path / "again", config=config)
    assert folder_digest(tmp_path / "out") == folder_digest(tmp_path / "again")
    about = read_json(tmp_path / "out" / "photos.json")
    assert (about["folder"], about["source"]) == ("photos", "urls")
    photos, rejects = scan(tmp_path / "out" / "photos")
    items = items_of(photos)
    assert rejects == []
    assert {(item.person, item.licence, item.consent, item.query, item.caption) for item in items} == {
        ("Ada", "CC0", "yes", "", "=one, two\nlines"),
        ("René", "", "", "portrait", ""),
    }
    assert {item.source.rpartition("/")[2] for item in items} == {"a", "b#part"}
    refused = pq.read_table(tmp_path / "out" / "refused.parquet").to_pylist()
    assert [row["reason"] for row in refused] == ["http_404", "bad_url", "bad_url", "duplicate_url", "bad_hash"]
    assert all(row["url"] and row["detail"] for row in refused)
    assert not [path for path in (cache / "work" / "photos").rglob("*") if path.name not in KEPT and path.is_file()]


def test_what_an_earlier_run_downloaded_is_not_downloaded_again(tmp_path: Path, cache: Path) -> None:
    with serving() as site:
        site.pages = {
            "/a": Page(picture(1)),
            "/b": Page(picture(2)),
            "/c": Page(picture(3)),
            "/no": Page(status=(404,)),
        }
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["url", *(site.root + page for page in site.pages)]))
        config = PhotosConfig(urls=str(path), allow_private=True)
        run(photos=tmp_path / "first", config=config)
        before = site.asked.copy()
        run(photos=tmp_path / "second", config=config)
        assert site.asked == before
        assert folder_digest(tmp_path / "first") == folder_digest(tmp_path / "second")
        run(photos=tmp_path / "second", config=config)  # in its own place, which is replaced
        assert site.asked == before
        changed, gone, _ = sorted((tmp_path / "second" / "photos").rglob("*.jpg"))
        size = changed.stat().st_size
        changed.unlink()  # which is the first one's file, too
        changed.write_bytes(b"x" * size)
        gone.unlink()
        run(photos=tmp_path / "third", config=config)
        assert sum((site.asked - before).values()) == 2 + 1  # and robots.txt
    assert folder_digest(tmp_path / "first") == folder_digest(tmp_path / "third")


def test_a_forgotten_person_is_not_downloaded_again(tmp_path: Path, cache: Path) -> None:
    bodies = {f"/{name}": picture(seed) for seed, name in enumerate(["ada", "bo", "named", "new"])}
    with serving() as site:
        site.pages = {page: Page(body) for page, body in bodies.items() if page != "/new"}
        path = tmp_path / "list.csv"
        rows = [f"{site.root}{page},{'Zoe' if page == '/named' else ''}" for page in bodies]
        path.write_text("\n".join(["url,person", *rows]))
        config = PhotosConfig(urls=str(path), allow_private=True, seconds=1.0)
        site.pages["/new"] = Page(status=(429,), headers=(("Retry-After", "0"),))  # not to be had at first
        run(photos=tmp_path / "first", config=config)
        ids = [hashlib.sha256(bodies[page]).hexdigest()[:ID_DIGITS] for page in ("/ada", "/new")]
        stone = Tombstone(name_sha256=name_digest("zoe"), photos=tuple(ids), since=dt.date(2026, 1, 2))
        Tombstones(people=(stone,)).write(tmp_path)
        site.pages["/new"] = Page(bodies["/new"])
        before = site.asked.copy()
        for _ in range(2):
            run(photos=tmp_path / "out", config=config)
            assert site.asked - before == {"/new": 1, "/robots.txt": 1}  # whose bytes alone tell whom it shows
        (photo,) = (tmp_path / "out" / "photos").rglob("*.jpg")
        assert photo.read_bytes() == bodies["/bo"]
        refused = pq.read_table(tmp_path / "out" / "refused.parquet").to_pylist()
        assert [(row["line"], row["url"], row["reason"]) for row in refused] == [
            (line, "forgotten", "forgotten") for line in (2, 4, 5)
        ]
        assert not [file for file in cache.rglob("*") if file.is_file() and file.read_bytes() in bodies.values()]
        (tmp_path / FORGOTTEN).unlink()  # nobody is forgotten any more
        run(photos=tmp_path / "out", config=config)
    assert len(scan(tmp_path / "out" / "photos")[0]) == 4


def test_forgetting_reaches_downloads_that_did_not_end(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(step, "write_files", fails)
    with serving() as site:
        site.pages = {"/a": Page(picture(1)), "/b": Page(picture(2))}
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["url", *(site.root + page for page in site.pages)]))
        config = PhotosConfig(urls=str(path), allow_private=True)
        with pytest.raises(OSError, match="No space left"):
            run(photos=tmp_path / "out", config=config)
    held = {file.read_bytes(): file for file in cache.rglob("*") if len(file.name) == 64}
    assert set(held) == {picture(1), picture(2)}
    forget_downloads({hashlib.sha256(picture(1)).hexdigest()[:ID_DIGITS]})
    assert [held[picture(seed)].exists() for seed in (1, 2)] == [False, True]


def test_a_killed_download_goes_on_where_it_was(tmp_path: Path, cache: Path) -> None:
    with serving() as site:
        site.pages = {f"/{i}": Page(picture(i), slow=0.02) for i in range(24)}
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["url", *(site.root + page for page in site.pages)]))
        command = [sys.executable, "-c", RUN, str(path), str(tmp_path / "out")]
        process = subprocess.Popen(command, cwd=ROOT)
        end = time.monotonic() + 60
        while sum(site.asked.values()) < 10 and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.5)  # until the server has counted what was on its way when the process died
        (book,) = cache.rglob("outcomes.jsonl")
        done = book.read_text().count("\n")
        before = site.asked.copy()
        assert 0 < done < 24
        assert not (tmp_path / "out").exists()
        subprocess.run(command, cwd=ROOT, check=True, env=os.environ.copy())
        assert sum((site.asked - before).values()) == 24 - done + 1  # and robots.txt
    assert len(scan(tmp_path / "out" / "photos")[0]) == 24


def test_nothing_is_downloaded_again_after_a_fault_behind_the_last_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving() as site:
        site.pages = {"/a": Page(picture(1)), "/b": Page(picture(2))}
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["url", *(site.root + page for page in site.pages)]))
        config = PhotosConfig(urls=str(path), allow_private=True)
        with monkeypatch.context() as patch:
            patch.setattr(step, "write_files", full)
            with pytest.raises(OSError, match="No space left"):
                run(photos=tmp_path / "out", config=config)
        before = site.asked.copy()
        run(photos=tmp_path / "out", config=config)
        assert site.asked == before
    assert len(scan(tmp_path / "out" / "photos")[0]) == 2


def test_a_list_that_another_process_downloads_is_busy(tmp_path: Path, cache: Path) -> None:
    with serving() as site:
        site.pages = {f"/{i}": Page(picture(i), slow=0.05) for i in range(12)}
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["url", *(site.root + page for page in site.pages)]))
        process = subprocess.Popen([sys.executable, "-c", RUN, str(path), str(tmp_path / "first")], cwd=ROOT)
        end = time.monotonic() + 60
        while not list(cache.rglob("outcomes.jsonl")) and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGSTOP)
        config = PhotosConfig(urls=str(path), allow_private=True)
        with pytest.raises(BusyError, match=r"the downloads of .*list\.csv: wait for it"):
            run(photos=tmp_path / "second", config=config)
        process.send_signal(signal.SIGCONT)
        assert process.wait() == 0
    assert len(scan(tmp_path / "first" / "photos")[0]) == 12
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (PhotosConfig(urls="a.csv", folder="b"), "both set"),
        (PhotosConfig(urls="nowhere.csv"), "is no file"),
        (PhotosConfig(urls="list.json"), r"neither \.csv"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence(config: PhotosConfig, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        run(photos=tmp_path / "out", config=config)
    assert not (tmp_path / "out").exists()


def test_a_list_without_a_photo_to_be_had_says_why(tmp_path: Path) -> None:
    with serving() as site:
        (tmp_path / "list.csv").write_text(f"url\n{site.root}/a\n{site.root}/b\nx\n")
        with pytest.raises(UserError, match=r"gave no photo \(refused: 2 http_404, 1 bad_url\)"):
            run(photos=tmp_path / "out", config=PhotosConfig(urls=str(tmp_path / "list.csv"), allow_private=True))


def test_the_settings_reach_the_downloader() -> None:
    limits = limits_of(PhotosConfig(connections=7, per_host=3, seconds=5.0, largest_megabytes=1.5))
    assert (limits.connections, limits.per_host, limits.seconds, limits.largest) == (7, 3, 5.0, 1_500_000)
    assert not limits.allow_private
