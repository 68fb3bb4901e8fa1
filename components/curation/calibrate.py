"""The similarity from which a face is given a name, calibrated from the folder's own bank at a stated false-match rate.

How strangers score is seen on the bank itself: each of its faces against the centres of all other people, of which the
highest counts, because retrieval looks for the best. How the people themselves score is seen on each face against the
centre of its person's other faces. Names and pairs of people who look like one person are left out: two names for one
person would pass for the luckiest of strangers.
"""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.curation.bank import Bank, by_people, lookalike, sums
from components.curation.config import CurationConfig
from components.curation.found import Found
from components.curation.vectors import BLOCK, Vectors
from model.similarity import look_at_tiles

# The published cosine of a face and a person's centre (its appendix says 0.5), for folders too small to calibrate on.
FIXED = 0.4
LEAST_PEOPLE = 20  # fewer differ too little from one another to stand for strangers
STEPS = np.round(np.arange(0, 0.8001, 0.02), 2)  # thresholds of the curve
Floats = NDArray[np.float64]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """The threshold in use and how it came about.

    `rule` is 'calibrated', 'set' or 'too few faces'; `curve` has for each threshold the share of strangers who would be
    named and the share of the people themselves who would be missed, each 0..1.
    """

    threshold: float
    rule: str
    false_match_rate: float
    faces: int
    people: int
    curve: list[tuple[float, float, float]]


def calibrate(found: Found, bank: Bank, config: CurationConfig) -> Calibration:
    """The lowest threshold at which at most `config.false_match_rate` of further strangers are to be expected.

    A set `config.threshold` stays as it is; the curve is drawn all the same.
    """
    strangers, own = scores(found, bank, config)
    threshold, rule = FIXED, "too few faces"
    if config.threshold is not None:
        threshold, rule = config.threshold, "set"
    elif (len(strangers) + 1) * config.false_match_rate >= 1 and len(bank.names) >= LEAST_PEOPLE:
        threshold, rule = lowest(strangers, config.false_match_rate), "calibrated"
    log.info("faces are named from a similarity of %.3f (%s)", threshold, rule)
    curve = [(float(t), _share(strangers >= t), _share(own < t)) for t in STEPS]
    return Calibration(threshold, rule, config.false_match_rate, len(strangers), len(bank.names), curve)


def scores(found: Found, bank: Bank, config: CurationConfig) -> tuple[Floats, Floats]:
    """Similarities of the bank's faces [M] as strangers, and of those [K] whose person has others, as themselves."""
    faces = np.flatnonzero(bank.member >= 0)
    people, unit = bank.member[faces], found.unit.of(faces)
    alike = lookalike(bank, config)
    strangers = np.full(len(faces), -1.0)

    def look(rows: slice, columns: slice, tile: NDArray[np.float32]) -> None:
        tile[alike[people[rows]][:, columns].nonzero()] = -1
        strangers[rows] = np.maximum(strangers[rows], tile.max(axis=1))

    look_at_tiles(unit, bank.centres, look)
    return strangers, _own(unit, people, len(bank.names))


def _own(unit: Vectors, member: NDArray[np.intp], people: int) -> Floats:
    """[K] the cosine of each row of `unit` [M, d] whose person has others to what is left of their sum without it."""
    own = np.empty(len(unit))
    for block, faces in by_people(member, people):
        person = member[faces] - block.start
        totals = sums(unit.of(faces), person, block.stop - block.start)
        for start in range(0, len(faces), BLOCK):
            rows = slice(start, start + BLOCK)
            vectors = unit[faces[rows]]
            others = totals[person[rows]] - vectors
            with np.errstate(invalid="ignore"):  # of a person's only face nothing is left
                own[faces[rows]] = np.einsum("nd,nd->n", vectors, others) / np.linalg.norm(others, axis=1)
    return own[np.bincount(member, minlength=people)[member] > 1]


def lowest(strangers: Floats, rate: float) -> float:
    """The lowest threshold, in thousandths, that one more stranger reaches with a chance of at most `rate`; 1 if none.

    Among the `strangers` [M] one more may come at any of M + 1 places, each as likely as another, so it is above the
    k-th highest with a chance of k / (M + 1) (split conformal prediction, Vovk et al. 2005). To let the share `rate` of
    those seen pass would let too many of those not seen pass: with 400, 0.75 % in place of 0.5 %.
    """
    place = int((len(strangers) + 1) * rate)
    if not place:
        return 1.0
    barred = np.sort(strangers)[-place]
    return float(np.clip(np.floor(barred * 1000 + 1) / 1000, 0, 1))


def _share(marked: NDArray[np.bool_]) -> float:
    return round(float(marked.mean()), 6) if len(marked) else 0.0
