"""The expectation that Great Expectations lacks: boxes that must lie inside their photo."""

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)


class BoxesInside(MulticolumnMapMetricProvider):
    """Whether boxes (columns x1, y1, x2, y2, px) have an area and lie in pictures of a width and height (px).

    A box may reach over the rim by `overhang` of its own width or height: detectors complete a face that is cut off.
    """

    condition_metric_name = "multicolumn_values.boxes_inside"
    condition_value_keys = ("overhang",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, overhang: float, **_: Any) -> "pd.Series[bool]":  # noqa: N805
        columns = (column_list.iloc[:, index].to_numpy(np.float64) for index in range(6))
        left, top, right, bottom, width, height = columns
        x, y = overhang * (right - left), overhang * (bottom - top)
        # Comparisons with NaN are false, so a box with one is outside.
        inside = (left >= -x) & (top >= -y) & (right <= width + x) & (bottom <= height + y)
        return pd.Series(inside & (left < right) & (top < bottom), index=column_list.index)


class ExpectBoxesToLieInside(MulticolumnMapExpectation):
    """Expect boxes to have an area and to lie inside their picture, but for `overhang` of their own size."""

    overhang: float
    map_metric = "multicolumn_values.boxes_inside"
    success_keys = ("mostly", "overhang")
    args_keys = ("column_list", "overhang")
