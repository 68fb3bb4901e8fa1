"""Names that a person should look at: two names that seem to be one person, one name that seems to be two."""

import logging
from typing import Any

import numpy as np
from scipy.sparse import triu

from components.curation.bank import Bank, lookalike
from components.curation.config import CurationConfig

MOST_TOLD = 1000  # doubts in the manifest; nobody reads more
MOST_LOGGED = 10
log = logging.getLogger(__name__)


def doubtful_names(bank: Bank, config: CurationConfig) -> tuple[list[dict[str, Any]], int]:
    """The doubts for the manifest, worst first of each kind, as plain JSON, and how many there are in all.

    Each has `names` with `why` in words. Names that look like two people come before pairs that look like one.
    """
    parted = sorted(bank.divided.items(), key=lambda doubt: (-doubt[1][1], doubt[0]))
    known = set(bank.names)
    doubts = []
    for name, (first, second) in parted[:MOST_TOLD]:
        why = f"looks like more than one person: {first} photos of one, {second} of another"
        doubts.append({"names": [name], "why": why if name in known else f"{why}; it names nobody"})
    pairs = triu(lookalike(bank, config), 1, format="coo")
    for place in np.lexsort((pairs.col, pairs.row, -pairs.data))[: MOST_TOLD - len(doubts)]:
        names = [bank.names[pairs.row[place]], bank.names[pairs.col[place]]]
        why = f"look like one person: similarity {pairs.data[place]:.2f} between their bank photos"
        doubts.append({"names": names, "why": why})
    for doubt in doubts[:MOST_LOGGED]:
        log.warning("%s %s; check the names", " and ".join(doubt["names"]), doubt["why"])
    total = len(parted) + pairs.nnz
    if total > MOST_LOGGED:
        log.warning("%d names or pairs of names in all are doubtful; the manifest has the worst", total)
    return doubts, total
