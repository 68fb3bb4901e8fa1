"""The downloader against a server on loopback: what it takes, retries, refuses and leaves on the disk."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from components.photos.urls.download import download
from components.photos.urls.fetch import Outcome
from components.photos.urls.kept import stored_at
from components.photos.urls.limits import Limits
from components.photos.urls.wanted import read_wanted
from components.tombstones import Tombstones
from tests.components.photos.urls.loopback import Page, Site, picture, serving

QUICK = Limits(
    connections=8,
    per_host=8,
    seconds=2.0,
    largest=20_000,
    allow_private=True,
    silence=1.0,
    first_wait=0.01,
    longest_wait=0.3,
)
GOOD = picture()


def got(site: Site, work: Path, *paths: str, limits: Limits = QUICK, sha256: str = "") -> list[Outcome]:
    """The outcomes for `paths` of the site, in their order."""
    lines = [f"{path if '://' in path else site.root + path},{sha256}" for path in paths]
    (work.parent / "list.csv").write_text("\n".join(["url,sha256", *lines]))
    wanted, bad = read_wanted(work.parent / "list.csv")
    assert bad == []
    work.mkdir(exist_ok=True)
    outcomes = download(wanted, work, limits, Tombstones())
    return [outcomes[photo.key] for photo in wanted]


def pictures(work: Path) -> list[Path]:
    return sorted(path for path in work.rglob("*") if path.is_file() and path.name != "outcomes.jsonl")


def test_pictures_are_stored_byte_for_byte_and_known_by_content(tmp_path: Path) -> None:
    kinds = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "avif": "AVIF"}
    with serving() as site:
        site.pages = {
            f"/{kind}": Page(picture(1, name), headers=(("Content-Type", "text/html"),)) for kind, name in kinds.items()
        }
        outcomes = got(site, tmp_path / "work", *site.pages)
        assert [outcome.kind for outcome in outcomes] == list(kinds)
        for outcome, page in zip(outcomes, site.pages.values(), strict=True):
            assert stored_at(tmp_path / "work", outcome.key).read_bytes() == page.body
        assert site.asked["/robots.txt"] == 1


def test_passing_troubles_are_tried_again(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {
            "/flaky": Page(GOOD, status=(503, 503, 200)),
            "/later": Page(GOOD, status=(429, 200), headers=(("Retry-After", "0"),)),
            "/reset": Page(GOOD, reset=2),
        }
        assert [outcome.kind for outcome in got(site, tmp_path / "work", *site.pages)] == ["jpg"] * 3
        assert {path: site.asked[path] for path in site.pages} == {"/flaky": 3, "/later": 2, "/reset": 3}


@pytest.mark.parametrize("busy", ["/a", "/robots.txt"])
def test_retry_after_is_waited_for_but_no_longer_than_the_cap(busy: str, tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/a": Page(GOOD)}
        site.pages[busy] = Page(GOOD, status=(503, 200), headers=(("Retry-After", "3600"),))
        start = time.monotonic()
        assert got(site, tmp_path / "work", "/a")[0].kind == "jpg"
        assert 0.25 < time.monotonic() - start < 2


REFUSED = {
    "/404": (Page(GOOD, status=(404,)), "http_404", 1),
    "/410": (Page(status=(410,)), "http_410", 1),
    "/206": (Page(GOOD, status=(206,)), "http_206", 1),
    "/down": (Page(status=(500,)), "http_500", 4),
    "/gone": (Page(GOOD, reset=9), "unreachable", 4),
    "/huge": (Page(picture(3, "BMP", 90)), "too_large", 1),
    "/page": (Page(b"<html><img src=x></html>"), "not_an_image", 1),
    "/nothing": (Page(), "not_an_image", 1),
    "/to_file": (Page(status=(302,), headers=(("Location", "file:///etc/passwd"),)), "bad_redirect", 1),
    "/to_where": (Page(status=(302,), headers=(("Location", "https://user:word@example.org/"),)), "bad_redirect", 1),
    "/to_nobody": (Page(status=(302,), headers=(("Location", "http://xn--/"),)), "bad_redirect", 1),
    "/loop": (Page(status=(302,), headers=(("Location", "/loop"),)), "bad_redirect", 6),
    "/noai": (Page(GOOD, headers=(("X-Robots-Tag", "noai"),)), "opted_out", 1),
    "/ours": (Page(GOOD, headers=(("x-robots-tag", "WithAnyone: NoImageIndex"),)), "opted_out", 1),
    "/second": (Page(GOOD, headers=(("X-Robots-Tag", "other: all"), ("X-Robots-Tag", "noimageai"))), "opted_out", 1),
    "/tdm": (Page(GOOD, headers=(("TDM-Reservation", "1"),)), "opted_out", 1),
    "/via": (Page(status=(302,), headers=(("Location", "/ok"), ("X-Robots-Tag", "noai"))), "opted_out", 1),
    "/private/a": (Page(GOOD), "robots_disallowed", 0),
    "/x.secret": (Page(GOOD), "robots_disallowed", 0),
}
ROBOTS = Page(b"User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private\nDisallow: /*.secret$\n")


def test_what_is_refused_has_its_reason_and_leaves_nothing(tmp_path: Path) -> None:
    limits = replace(QUICK, seconds=60.0, silence=20.0, connections=32, per_host=32)
    with serving() as site:
        site.pages = {path: page for path, (page, _, _) in REFUSED.items()} | {"/robots.txt": ROBOTS}
        outcomes = got(site, tmp_path / "work", *REFUSED, limits=limits)
        asked = {path: site.asked[path] for path in REFUSED}
    assert dict(zip(REFUSED, [o.reason for o in outcomes], strict=True)) == {p: r for p, (_, r, _) in REFUSED.items()}
    assert asked == {path: count for path, (_, _, count) in REFUSED.items()}
    assert all(outcome.detail and not outcome.kind for outcome in outcomes)
    assert pictures(tmp_path / "work") == []


def test_a_picture_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/slow": Page(picture(2, side=100), slow=0.2)}
        assert got(site, tmp_path / "work", "/slow", limits=replace(QUICK, seconds=0.5))[0].reason == "timeout"
        assert site.asked["/slow"] == 1
    assert pictures(tmp_path / "work") == []


def test_a_redirect_is_followed_and_a_tag_for_another_robot_is_not_ours(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {
            "/moved": Page(status=(301,), headers=(("Location", "ok"),)),
            "/ok": Page(GOOD, headers=(("X-Robots-Tag", "otherbot: noai, noindex"), ("TDM-Reservation", "0"))),
        }
        assert got(site, tmp_path / "work", "/moved")[0].kind == "jpg"


def test_hashes_are_verified(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/a": Page(GOOD)}
        digest = hashlib.sha256(GOOD).hexdigest()
        assert got(site, tmp_path / "good", "/a", sha256=digest.upper())[0].kind == "jpg"
        assert got(site, tmp_path / "bad", "/a", sha256="0" * 64)[0].reason == "hash_mismatch"
    assert pictures(tmp_path / "bad") == []


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Page(status=(403,)), ""),
        (Page(status=(500, 200)), ""),
        (Page(status=(500,)), "robots_unreachable"),
        (Page(b"User-agent: *\nDisallow:\n"), ""),
        (Page(b"User-agent: withanyone\nDisallow: /\n"), "robots_disallowed"),
        (Page(status=(302,), headers=(("Location", "/robots.txt"),)), ""),
        (Page(b"\x1f\x8b", headers=(("Content-Encoding", "gzip"),)), "robots_unreachable"),
    ],
)
def test_robots_txt_binds_as_its_standard_says(page: Page, reason: str, tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/robots.txt": page, "/a": Page(GOOD)}
        assert got(site, tmp_path / "work", "/a")[0].reason == reason
        assert site.asked["/a"] == (0 if reason else 1)


def test_loopback_is_refused_unless_it_is_permitted(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/a": Page(GOOD)}
        port = site.root.rpartition(":")[2]
        names = [f"http://{host}:{port}/a" for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]")]
        outcomes = got(site, tmp_path / "work", *names, limits=replace(QUICK, allow_private=False))
        assert {outcome.reason for outcome in outcomes} == {"private_address"}
        assert site.asked.total() == 0


def test_a_host_is_not_crowded_and_its_crawl_delay_is_kept(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {f"/{i}": Page(GOOD, slow=0.03) for i in range(6)}
        got(site, tmp_path / "one", *site.pages, limits=replace(QUICK, per_host=2))
        assert site.busiest == 2
        site.pages["/robots.txt"] = Page(b"User-agent: *\nCrawl-delay: 0.1\n")
        start = time.monotonic()
        got(site, tmp_path / "two", *(f"/{i}" for i in range(4)))
        assert time.monotonic() - start > 0.3


def test_a_host_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with serving() as site:
        nobody = site.root
    assert got(site, tmp_path / "work", f"{nobody}/a", f"{nobody}/b")[1].reason == "unreachable"


def test_a_second_download_asks_only_for_what_may_end_otherwise(tmp_path: Path) -> None:
    with serving() as site:
        site.pages = {"/a": Page(GOOD), "/b": Page(status=(404,)), "/c": Page(GOOD, status=(500, 500, 500, 500, 200))}
        first = got(site, tmp_path / "work", *site.pages)
        assert [outcome.reason for outcome in first] == ["", "http_404", "http_500"]
        with (tmp_path / "work" / "outcomes.jsonl").open("ab") as file:
            file.write(b'{"key": "cut o')
        second = got(site, tmp_path / "work", *site.pages)
        assert [outcome.reason for outcome in second] == ["", "http_404", ""]
        assert {path: site.asked[path] for path in site.pages} == {"/a": 1, "/b": 1, "/c": 5}
        stored_at(tmp_path / "work", first[0].key).write_bytes(b"")  # as a crash of the machine may leave it
        assert got(site, tmp_path / "work", *site.pages)[0].size == len(GOOD)
        assert site.asked["/a"] == 2
