"""Reads from an answer's headers whether the owner of a picture opts out of its use for learning or indexing."""

import re
from collections.abc import Iterable

TOKEN = "withanyone"  # our name in robots.txt and X-Robots-Tag
NO = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})  # none: noindex and nofollow
WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_WORD = re.compile(r"(?<![\w./*+-])([a-z*][\w*./-]*)[ \t]*(:?)")


def opted_out(headers: Iterable[tuple[str, str]]) -> str | None:
    """The header, with its value, that says no to us; None when none does. Names and values in any case.

    `X-Robots-Tag`: a directive counts unless it follows the name of another robot (`otherbot: noai`), which holds until
    the next name in the same header. `TDM-Reservation: 1` is the reservation of the TDM Reservation Protocol (W3C).
    """
    for name, value in headers:
        field = name.strip().lower()
        if field == "x-robots-tag" and _robots_tag_says_no(value):
            return f"X-Robots-Tag: {value.strip()}"
        if field == "tdm-reservation" and "1" in (part.strip() for part in value.split(",")):
            return f"TDM-Reservation: {value.strip()}"
    return None


def _robots_tag_says_no(value: str) -> bool:
    ours = True
    for word, colon in _WORD.findall(value.lower()):
        if colon:
            ours = ours if word in WITH_VALUE else word.split("/")[0] in (TOKEN, "*")
        elif ours and word in NO:
            return True
    return False
