"""The figures that a reader sees beside the rules: each system's means by the deciding judge, over all and by slice."""

from typing import Any

from validation.benchmark.metrics import METRICS
from validation.gate.comparison import Comparison, Slice
from validation.gate.outcome import rounded
from validation.gate.statistics import Estimate
from validation.gate.thresholds import Thresholds

MODEL = "model"


def figures(comparison: Comparison, limits: Thresholds) -> dict[str, Any]:
    """`{"all" or slice: {system: {metric: figure}}}`; metrics that were not measured are absent."""
    parts: list[Slice | None] = [None, *comparison.slices(limits.slices)]
    return {str(part) if part else "all": _systems(comparison, part) for part in parts}


def _systems(comparison: Comparison, part: Slice | None) -> dict[str, Any]:
    found = {MODEL: {metric: comparison.estimate(metric, where=part) for metric in METRICS}}
    for system in comparison.others:
        if part is None or part.value in comparison.others[system].slices.get(part.column, ()):
            found[system] = {metric: comparison.own(system, metric, part) for metric in METRICS}
    return {
        system: {metric: _as_json(figure) for metric, figure in by_metric.items() if figure is not None}
        for system, by_metric in found.items()
    }


def _as_json(figure: Estimate) -> dict[str, Any]:
    proven = figure.units > 1
    return {
        "mean": rounded(figure.mean),
        "low": rounded(figure.low) if proven else None,
        "high": rounded(figure.high) if proven else None,
        "cases": figure.cases,
        "people": figure.people,
    }
