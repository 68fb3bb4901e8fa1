"""The decision page: the verdict first, then every rule with its figure, then what it rests on."""

from collections.abc import Mapping
from typing import Any

from validation.report.page import render


def decision_page(decision: Mapping[str, Any], scores_page: str) -> str:
    """The page of a decision; `scores_page` is the address of the scores page, relative to this one."""
    return render("decision.html.j2", decision=decision, scores_page=scores_page)
