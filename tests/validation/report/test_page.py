"""Pages escape what they show, refuse unknown names, and write figures in one form."""

import jinja2
import pytest

from validation.report.dataset_page import dataset_page
from validation.report.page import cases_of, part, plain, render, sentence, short, signed


def test_figures_have_three_decimals_and_a_true_minus() -> None:
    assert plain(-0.12345) == "\N{MINUS SIGN}0.123"
    assert plain(-0.0001) == "0.000"
    assert signed(0.5) == "+0.500"
    assert short("a" * 64) == "a" * 12


def test_slices_and_counts_are_written_as_people_say_them() -> None:
    assert [part(name) for name in ("all", "people=1", "people=3", "light=dark")] == [
        "All cases",
        "1 person",
        "3 people",
        "light: dark",
    ]
    assert cases_of({"cases": 1, "people": 2}) == "1 case of 2 people"
    assert sentence("the SimGT") == "The SimGT"


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("verdict.html.j2", decision={"verdict": "hold"})


@pytest.mark.parametrize(
    ("rule", "words"), [("calibrated", "at most 0.5 % of"), ("set", "as set"), ("too few faces", "the published value")]
)
def test_a_dataset_says_from_which_similarity_faces_are_named_and_which_names_to_look_at(rule: str, words: str) -> None:
    result = {"success": True, "expectations": [], "dataset": {"digest": None}}
    manifest = {
        "counts": {"images": 3, "rejects": {}},
        "recogniser": {"name": "facesdk", "dim": 128},
        "licences": [],
        "doubtful_names": [{"names": ["<i>Ann</i>", "Bob"], "why": "look like one person"}],
        "doubtful_names_total": 2345,
        "calibration": {
            "threshold": 0.478,
            "rule": rule,
            "false_match_rate": 0.005,
            "faces": 295,
            "people": 40,
            "curve": [[0.0, 1.0, 0.0], [0.4, 0.25, 0.01], [0.8, 0.0, 0.4]],
        },
    }
    page = dataset_page(result, manifest)
    assert "From 0.478" in page
    assert words in page
    assert page.count("mark-line role-mark") == 2
    assert "<b>&lt;i&gt;Ann&lt;/i&gt;</b> and <b>Bob</b> look like one person" in page
    assert "The worst 1 of 2345." in page
    assert "mark-line" not in dataset_page(result, {k: v for k, v in manifest.items() if k != "calibration"})
