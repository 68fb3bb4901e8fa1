"""Malformed inputs of every kind that a reader meets, made afresh: `python -m tests.malformed OUT` writes them all."""

from pathlib import Path

from tests.malformed.arrays import arrays
from tests.malformed.images import images
from tests.malformed.records import records
from tests.malformed.tables import listings, parquets
from tests.malformed.tars import tars

Corpus = dict[str, dict[str, bytes]]


def corpus(marker: Path) -> Corpus:
    """Files by kind and name; pickles that were run would make the folder `marker`."""
    return {
        "image": images(),
        "tar": tars(),
        "csv": listings(),
        "parquet": parquets(),
        "npy": arrays(marker),
        "json": records(),
    }
