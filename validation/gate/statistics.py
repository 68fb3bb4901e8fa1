"""The gate's statistics: a mean with an interval that knows that one person's pictures go together, and claims by Holm.

A value belongs to one person of one case. People are what is drawn anew in the bootstrap, so pictures of one person
count as less than so many independent ones; people who share a picture also share its luck, which widens the interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

RESAMPLES = 4000
SEED = 20251016
LEVEL = 0.025  # of an error on one side: what lies beyond one end of a 95 % interval
POWER = 0.8  # chance of a decision that `more_cases` plans for
METHOD = (
    "the wider of the percentile bootstrap by person and Student's t with errors clustered by person, 95 %; widened "
    "where people who share a picture vary together"
)
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """Whose value each of F values is: numbers of the person [F] and of the case [F]."""

    person: Indices
    case: Indices

    def where(self, chosen: NDArray[np.bool_]) -> "Design":
        """The design of the values that the mask [F] keeps, numbered from 0 without gaps."""
        person = np.unique(self.person[chosen], return_inverse=True)[1]
        return Design(person, np.unique(self.case[chosen], return_inverse=True)[1])


@dataclass(frozen=True)
class Estimate:
    """A mean over `cases` cases of `people` people, its 95 % interval, and what tail probabilities are made of.

    `low` and `high` are infinite for one person or one case alone, which prove nothing about others.
    """

    mean: float
    low: float
    high: float
    cases: int
    people: int
    error: float  # standard error, clustered by person
    drawn: Floats  # means of the resamples [B], sorted

    @property
    def units(self) -> int:
        """How many independent things it rests on: people, or cases where these are fewer."""
        return min(self.people, self.cases)

    def p_value(self, bound: float, above: bool) -> float:
        """One-sided p of the claim that the mean lies above (or below) `bound`: the larger of both methods'."""
        if self.units < 2:
            return 1.0
        beyond = np.searchsorted(self.drawn, bound, "right" if above else "left")
        wrong = beyond if above else len(self.drawn) - beyond
        by_draws = (wrong + 1) / (len(self.drawn) + 1)
        distance = (self.mean - bound) * (1 if above else -1)
        by_t = float(stdtr(self.units - 1, -distance / self.error)) if self.error else float(distance <= 0)
        return float(max(by_draws, by_t))

    def more_cases(self, bound: float) -> int | None:
        """How many more cases of as many people each would tell the mean from `bound` four times in five.

        Supposes that the mean and the spread stay as they are. None where over a hundred times the cases are needed.
        """
        if self.units < 2:
            return max(1, self.cases)
        distance, reach = abs(self.mean - bound), ndtri(1 - LEVEL) + ndtri(POWER)
        spread = (self.high - self.low) / (2 * ndtri(1 - LEVEL))
        if reach * spread > 10 * distance:
            return None
        return max(1, ceil(self.cases * ((reach * spread / distance) ** 2 - 1)))


@lru_cache(maxsize=8)
def _draws(people: int) -> NDArray[np.float32]:
    """How often each resample draws each person [B, people]: the same for all figures of so many people."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(people, np.full(people, 1 / people), size=RESAMPLES).astype(np.float32)


def estimate(values: Floats, design: Design) -> Estimate | None:
    """The mean over cases of the mean over each case's people, of values [F]; None for no value.

    Raises ValueError for a value that is not finite: a score that could not be computed must not vanish in a mean.
    """
    if not np.isfinite(values).all():
        raise ValueError("a value is not a number")
    if not len(values):
        return None
    faces = np.bincount(design.case)
    cases, people = len(faces), int(design.person.max()) + 1
    share = 1 / faces[design.case]
    mean = float(share @ values) / cases
    units = min(people, cases)
    if units < 2:
        return Estimate(mean, -np.inf, np.inf, cases, people, np.inf, np.array([mean]))
    rest = share * (values - mean)
    by_person = float(np.square(np.bincount(design.person, rest)).sum())
    # Clustered both ways (Cameron, Gelbach, Miller 2011): what varies with people, plus what varies with pictures,
    # less what both count; never less than by people alone.
    shared = float(np.square(np.bincount(design.case, rest)).sum() - np.square(rest).sum())
    widening = sqrt(max(1.0, 1 + shared / by_person)) if by_person > 0 else 1.0
    error = widening * sqrt(by_person * units / (units - 1)) / cases
    draws, sizes = _draws(people), np.bincount(design.person, share)
    rests = draws @ np.bincount(design.person, rest).astype(np.float32)
    drawn = np.sort(mean + widening * (rests / (draws @ sizes.astype(np.float32))).astype(np.float64))
    reach = -float(stdtrit(units - 1, LEVEL)) * error
    low, high = drawn[int(LEVEL * RESAMPLES) - 1], drawn[RESAMPLES - int(LEVEL * RESAMPLES)]
    return Estimate(mean, float(min(low, mean - reach)), float(max(high, mean + reach)), cases, people, error, drawn)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of a family of claims, adjusted so that any error among them has the stated chance (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    adjusted = np.empty(len(p_values))
    adjusted[order] = stepped
    return [float(value) for value in adjusted]
