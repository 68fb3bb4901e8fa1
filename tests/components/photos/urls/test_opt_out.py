"""Opt-out headers in the spellings that servers use, whose robot they speak to, and arbitrary text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.photos.urls.opt_out import NO, opted_out


@pytest.mark.parametrize(
    "value",
    [
        "noai",
        "NoImageAI",
        "all, noindex",
        "nofollow,noimageindex",
        "none",
        "noai; noimageai",
        "withanyone: noai",
        "WithAnyone/1.0: nofollow, noai",
        "*: noindex",
        "otherbot: nofollow, withanyone: noai",
        "max-snippet: 10, noai",
        "unavailable_after: 25 Jun 2030 15:00:00 PST, noai",
        "unavailable_after: 2030-06-25T15:00:00Z, noai",
    ],
)
def test_a_no_is_heard(value: str) -> None:
    assert opted_out([("Content-Type", "image/png"), ("X-Robots-Tag", value)]) == f"X-Robots-Tag: {value}"


@pytest.mark.parametrize(
    "value", ["", "all", "nofollow", "otherbot: noai", "otherbot: nofollow, noindex", "noaim, no ai", "max-snippet: 0"]
)
def test_what_says_nothing_to_us_is_no_no(value: str) -> None:
    assert opted_out([("X-Robots-Tag", value)]) is None


@pytest.mark.parametrize(("value", "no"), [("1", True), (" 1 ", True), ("0", False), ("10", False), ("", False)])
def test_the_reservation_of_text_and_data_mining(value: str, no: bool) -> None:
    assert (opted_out([("tdm-reservation", value)]) is not None) == no


@given(
    st.lists(st.sampled_from(["all", "nofollow", "noarchive", "max-snippet: 5"]), max_size=3),
    st.sampled_from(sorted(NO)),
    st.sampled_from(["", "withanyone:", "withanyone : ", "*: "]),
    st.sampled_from([",", " , ", ";", " "]),
    st.booleans(),
)
def test_a_no_among_other_directives_is_heard(others: list[str], no: str, name: str, comma: str, upper: bool) -> None:
    value = comma.join([*others, name + no])
    assert opted_out([("X-Robots-Tag", value.upper() if upper else value)])
    other = comma.join([*others, f"otherbot: {no}"])
    assert opted_out([("X-Robots-Tag", other)]) is None


@given(st.lists(st.tuples(st.sampled_from(["x-robots-tag", "TDM-Reservation", "x"]), st.text()), max_size=4))
def test_any_text_is_read(headers: list[tuple[str, str]]) -> None:
    found = opted_out(headers)
    assert found is None or found.partition(":")[0] in ("X-Robots-Tag", "TDM-Reservation")
