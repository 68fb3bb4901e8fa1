"""A model's trial in the service's shadow, beside the champion on live traffic: the report of it, read for the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Self

from model.artefacts import read_json
from model.errors import UserError
from validation.benchmark.bootstrap import Figure

SCHEMA = 1


@dataclass(frozen=True)
class Trial:
    """How many orders the shadow was given and failed, and by metric the mean difference shadow minus champion.

    A difference is absent where no order was drawn by both. `report` is what the file says.
    """

    orders: int
    failed: int
    differences: Mapping[str, Figure]
    report: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path, model: str, champion: str | None) -> Self:
        """The trial of the `model` beside the `champion` (digests). Raises UserError for one of other models."""
        report = read_json(file, "schema")
        if report["schema"] != SCHEMA:
            raise UserError(f"{file} has schema {report['schema']}, this version reads {SCHEMA}: report again")
        for who, tried, compared in (
            ("shadow", report["shadow_model"], model),
            ("champion", report["champion_model"], champion),
        ):
            if tried != compared:
                raise UserError(
                    f"the {who} of the trial {file} is the model {str(tried)[:12]}, the one that is compared is "
                    f"{compared[:12] if compared else 'none'}: give the report of their trial, or leave gate.shadow out"
                )
        found = {name: rows["difference"] for name, rows in report["metrics"].items()}
        differences = {name: _figure(row) for name, row in found.items() if row is not None}
        return cls(int(report["orders"]), int(report["failed"]), differences, report)


def _figure(row: Mapping[str, Any]) -> Figure:
    figure = Figure(float(row["mean"]), float(row["low"]), float(row["high"]), int(row["n"]))
    if not all(map(isfinite, (figure.mean, figure.low, figure.high))):
        raise ValueError("a difference of the shadow is no number")
    return figure
