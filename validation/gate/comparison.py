"""What the rules on scores read: the model's sheet beside those of the other systems and of the champion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from validation.benchmark.metrics import CHAMPION, METRICS
from validation.gate.sheets import Sheet
from validation.gate.statistics import Estimate, estimate


@dataclass(frozen=True)
class Slice:
    """The cases whose `column` says `value`."""

    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}={self.value}"


@dataclass(frozen=True)
class Comparison:
    """The sheets of a decision, by system; the champion's under `CHAMPION`, none where there is no champion.

    `left_out` are the cases, by id, that are not compared with the champion, because it has seen their people.
    """

    ours: Sheet
    others: Mapping[str, Sheet]
    left_out: frozenset[str] = frozenset()

    @property
    def has_champion(self) -> bool:
        return CHAMPION in self.others

    def with_champion(self) -> "Comparison":
        """The model and the champion on the cases that are compared: for all rules against the champion."""
        kept = np.array([row[0] not in self.left_out for row in self.ours.who], bool)
        return Comparison(self.ours.where(kept), {CHAMPION: self.others[CHAMPION]})

    def without_champion(self) -> "Comparison":
        """The model and its baselines on all cases."""
        return Comparison(self.ours, {name: sheet for name, sheet in self.others.items() if name != CHAMPION})

    def alike(self, other: str) -> bool:
        """Whether the other system was scored on the same people in the same cases with the same references."""
        return self.others[other].who == self.ours.who

    def slices(self, columns: tuple[str, ...]) -> list[Slice]:
        """Every value of every column that the cases have."""
        return [Slice(column, value) for column in columns for value in sorted(set(self.ours.slices.get(column, ())))]

    def estimate(self, metric: str, against: str | None = None, where: Slice | None = None) -> Estimate | None:
        """The model's mean of a metric, or the mean of its difference to another system, paired face by face.

        None where it was not measured, the other system is not there, or was scored on other cases.
        """
        if metric not in self.ours.values:
            return None
        values = self.ours.values[metric]
        if against is not None:
            other = self.others.get(against)
            if other is None or metric not in other.values or other.who != self.ours.who:
                return None
            values = values - other.values[metric]
        chosen = ~np.isnan(values)
        if where is not None:
            chosen &= np.array([value == where.value for value in self.ours.slices[where.column]])
        found = estimate(values[chosen], self.ours.design.where(chosen))
        if found is None or against is not None or found.units < 2:
            return found
        ends = METRICS[metric]  # a mean cannot leave its metric's range, though Student's t may
        return replace(found, low=max(found.low, ends.low), high=min(found.high, ends.high))

    def own(self, system: str, metric: str, where: Slice | None = None) -> Estimate | None:
        """The mean of a metric of another system by itself."""
        sheet = self.others.get(system)
        return Comparison(sheet, {}).estimate(metric, where=where) if sheet else None
