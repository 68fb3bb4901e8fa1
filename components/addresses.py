"""Which words are an address of the web."""

import httpx


def web_address(text: str) -> httpx.URL | None:
    """The address in `text`, without fragment; None unless it is http(s), with a host and without a password."""
    try:
        url = httpx.URL(text.strip()).copy_with(fragment=None)
        host = url.host  # raises for one that begins with xn-- and is no encoded name
    except (httpx.InvalidURL, ValueError):
        return None
    usable = url.scheme in ("http", "https") and host and not url.userinfo and 0 < (url.port or 1) < 65536
    return url if usable else None
