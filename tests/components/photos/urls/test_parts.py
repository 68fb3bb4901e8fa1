"""Addresses, first bytes, pauses and the text of robots.txt, each alone."""

import ipaddress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protego import Protego

from components.photos.urls.hosts import pause_asked
from components.photos.urls.network import is_public
from components.photos.urls.sniff import LONGEST, picture_kind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b:1::7f00:1",
        "fec0::1",
    ],
)
def test_addresses_of_our_own_side(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("7", 7),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Thu, 01 Jan 2015 00:00:30 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("9" * 400, 999_999_999),
    ],
)
def test_pauses_as_numbers_and_dates(value: str, seconds: float) -> None:
    assert pause_asked(value, NOW) == seconds


@given(st.text(max_size=40))
def test_no_text_makes_a_pause_that_is_none(value: str) -> None:
    assert pause_asked(value, NOW) >= 0


@given(st.binary(max_size=20))
def test_pages_and_programs_are_no_pictures(tail: bytes) -> None:
    for head in (b"<html", b"%PDF-1.7", b"\x7fELF", b"PK\x03\x04", b"{", b"<svg "):
        assert picture_kind((head + tail)[:LONGEST]) is None


@settings(max_examples=60)
@given(st.text(max_size=200), st.lists(st.sampled_from(["User-agent: *", "Disallow: /%zz*$", "Crawl-delay: x²"])))
def test_any_robots_txt_is_read(text: str, lines: list[str]) -> None:
    rules = Protego.parse("\n".join([*lines, text]))
    assert rules.can_fetch("http://x/a b?c=d", "withanyone") in (True, False)
    assert isinstance(rules.crawl_delay("withanyone"), float | int | None)
