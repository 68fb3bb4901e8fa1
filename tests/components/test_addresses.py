"""Addresses of the web: http or https, with a host, without a password; any other text is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.addresses import web_address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "file:///etc/passwd",
        "ftp://x/a",
        "http://",
        "http:///a",
        "http://user:word@x/a",
        "//x/a",
        "http://x:99999/",
        "http://x/\x00",
        "data:image/png;base64,",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_web_address(text: str) -> None:
    assert web_address(text) is None


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("http://".__add__)))
def test_any_text_is_an_address_or_is_none(text: str) -> None:
    url = web_address(text)
    assert url is None or (url.scheme in ("http", "https") and url.host and not url.fragment)
