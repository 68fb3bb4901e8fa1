"""The figures that a reader sees beside the rules: each system's means by the deciding judge, over all and by slice."""

from typing import Any

from validation.benchmark.metrics import METRICS, MODEL
from validation.gate.comparison import Comparison, Slice
from validation.gate.outcome import rounded
from validation.gate.statistics import Estimate
from validation.gate.thresholds import Thresholds

COMPARED = "compared"  # the cases whose people the champion has not seen, where these are not all


def figures(comparison: Comparison, limits: Thresholds) -> dict[str, Any]:
    """`{"all" or slice: {system: {metric: figure}}}`; metrics that were not measured are absent.

    Where cases are not compared with the champion, it stands only under `COMPARED`, beside the model on the same cases.
    """
    some = comparison.has_champion and comparison.left_out
    whole = comparison.without_champion() if some else comparison
    parts: list[Slice | None] = [None, *whole.slices(limits.slices)]
    found = {str(part) if part else "all": _systems(whole, part) for part in parts}
    return found | ({COMPARED: _systems(comparison.with_champion(), None)} if some else {})


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
