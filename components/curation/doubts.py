"""Names that a person should look at: two names that seem to be one person, one name that seems to be two."""

import logging
from typing import Any

import numpy as np

from components.curation.bank import Bank, lookalike
from components.curation.config import CurationConfig

log = logging.getLogger(__name__)


def doubtful_names(bank: Bank, config: CurationConfig) -> list[dict[str, Any]]:
    """Each doubt as plain JSON, `names` with `why` in words; all are logged, and the manifest carries them."""
    similar = bank.centres @ bank.centres.T
    doubts = [
        {
            "names": [bank.names[a], bank.names[b]],
            "why": f"look like one person: similarity {similar[a, b]:.2f} between their bank photos",
        }
        for a, b in np.argwhere(np.triu(lookalike(bank, config), 1))
    ]
    doubts += [
        {"names": [name], "why": f"looks like two people: {first} photos of the one, {second} of the other"}
        for name, (first, second) in bank.divided.items()
    ]
    for doubt in doubts:
        log.warning("%s %s; check the names", " and ".join(doubt["names"]), doubt["why"])
    return doubts
