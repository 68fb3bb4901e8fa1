"""Pages escape what they show, refuse unknown names, and write figures in one form."""

import jinja2
import pytest

from validation.report.decision_page import decision_page
from validation.report.page import plain, render, short, signed


def test_figures_have_three_decimals_and_a_true_minus() -> None:
    assert plain(-0.12345) == "\N{MINUS SIGN}0.123"
    assert plain(-0.0001) == "0.000"
    assert signed(0.5) == "+0.500"
    assert short("a" * 64) == "a" * 12


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("decision.html.j2", decision={"verdict": "hold"}, scores_page="x")


def test_a_decision_shows_its_verdict_and_escapes_its_reasons() -> None:
    rule = {
        "name": "<i>r</i>",
        "state": "failed",
        "why": "a < b",
        "figure": -0.25,
        "interval": [-0.5, 0.0],
        "threshold": 0.1,
    }
    decision = {
        "verdict": "reject",
        "reason": "failed: <i>r</i>",
        "intended_use": "research",
        "champion": None,
        "rules": [rule],
        "inputs": {"model": "ab" * 32},
        "thresholds": {"gain": 0.02, "refused_licences": []},
    }
    page = decision_page(decision, "../scores/report.html")
    assert "<i>" not in page
    assert "a &lt; b" in page
    assert "\N{MINUS SIGN}0.250" in page
    assert "Reject" in page
