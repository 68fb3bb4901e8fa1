"""The dataset page: which expectations failed, on which rows, and all that were asked."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from validation.report.charts import rates
from validation.report.page import render


def dataset_page(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The page of a validation result and the manifest of its dataset."""
    calibration = manifest.get("calibration")
    return render(
        "dataset.html.j2",
        result=result,
        manifest=manifest,
        calibration=calibration,
        curve=_curve(calibration) if calibration else None,
    )


def _curve(calibration: Mapping[str, Any]) -> Markup:
    """Whom the naming of faces would get wrong at each threshold."""
    points = calibration["curve"]
    lines = {
        "strangers who would be named": [(t, named) for t, named, _ in points],
        "people who would be missed": [(t, missed) for t, _, missed in points],
    }
    return rates(lines, calibration["threshold"], "similarity from which a face is named")
