"""The dataset page: which expectations failed, on which rows, and all that were asked."""

from collections.abc import Mapping
from typing import Any

from validation.report.page import render


def dataset_page(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The page of a validation result and the manifest of its dataset."""
    return render("dataset.html.j2", result=result, manifest=manifest)
