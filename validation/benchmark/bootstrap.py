"""Bootstrap intervals over cases: percentile, 95 %, with a fixed seed so that a decision can be replayed."""

import functools
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 4000
SEED = 20251016
TAILS = (2.5, 97.5)


@dataclass(frozen=True)
class Figure:
    """A mean over `n` cases with its 95 % interval from `low` to `high`, in the metric's own unit."""

    mean: float
    low: float
    high: float
    n: int

    def as_json(self) -> dict[str, float | int]:
        """The figure as the scores file holds it."""
        return asdict(self)


@functools.lru_cache(maxsize=4)
def _draws(cases: int) -> NDArray[np.float64]:
    """How often each resample [B] draws each case [n]: the same for all figures of n cases."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(cases, np.full(cases, 1 / cases), size=RESAMPLES).astype(np.float64)


def figure(values: ArrayLike) -> Figure | None:
    """Mean of one value a case [n] with its interval; None for no case. Cases are drawn with replacement.

    Raises ValueError for a value that is not finite: a score that could not be computed must not vanish in a mean.
    """
    cases = np.asarray(values, dtype=np.float64)
    if not np.isfinite(cases).all():
        raise ValueError("a case value is not finite")
    if len(cases) == 0:
        return None
    low, high = np.percentile(_draws(len(cases)) @ cases / len(cases), TAILS)
    return Figure(float(cases.mean()), float(low), float(high), len(cases))
