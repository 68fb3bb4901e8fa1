"""From which cosine two faces are taken for one person, at a stated rate of false matches, from people who differ."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from validation.benchmark.metrics import unit

FIXED = 0.4  # the threshold published for naming faces, where too few different people are there to learn from
LEAST_PAIRS = 20
NORMAL = 1.4826  # standard deviations in one median absolute deviation of a normal distribution


@dataclass(frozen=True)
class Threshold:
    """The cosine, the nominal share of pairs of different people above it, and from how many pairs it came.

    `rule` is 'fitted' or, with fewer than 20 pairs, 'fixed'.
    """

    cosine: float
    false_match_rate: float
    pairs: int
    rule: str

    def as_json(self) -> dict[str, Any]:
        """What the scores say."""
        return asdict(self)


def threshold(cosines: NDArray[np.floating], rate: float) -> Threshold:
    """The cosine that a share `rate` of pairs of different people [N] exceeds, by the tail of a normal distribution.

    Its middle and width are those of the median and the median absolute deviation, so that a person who goes by two
    names, and so is no impostor, does not raise it. Where `rate` is seen in the pairs themselves the higher of the
    fitted and the seen quantile counts.
    """
    if len(cosines) < LEAST_PAIRS:
        return Threshold(FIXED, rate, len(cosines), "fixed")
    middle = float(np.median(cosines))
    width = NORMAL * float(np.median(np.abs(cosines - middle)))
    cosine = middle + width * float(norm.isf(rate))
    if len(cosines) * rate >= 1:
        cosine = max(cosine, float(np.quantile(cosines, 1 - rate)))
    return Threshold(min(cosine, 1.0), rate, len(cosines), "fitted")


def between(people: Sequence[str], embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    """The cosines of all pairs of rows of `embeddings` [N, d] that belong to different `people` [N]."""
    names, rows = np.asarray(people), unit(embeddings)
    first, second = np.triu_indices(len(rows), 1)
    apart = names[first] != names[second]
    return np.asarray((rows @ rows.T)[first[apart], second[apart]], np.float64)
