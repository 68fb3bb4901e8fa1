"""What enters curation and what is refused on the way."""

from dataclasses import dataclass
from typing import Literal

ID_DIGITS = 16  # of a file's SHA-256 in hex: the id of its photo


@dataclass(frozen=True, order=True, slots=True)
class Item:
    """A photo to look at and what its owner says of it. `person` is empty when nobody is named.

    `named_by` says how far a name binds: one in a CSV does, the name of a folder is a hint that the faces must confirm.
    """

    path: str  # relative to the photo folder, with forward slashes
    person: str = ""
    named_by: Literal["", "csv", "folder"] = ""
    source: str = ""
    licence: str = ""
    consent: str = ""
    query: str = ""
    caption: str = ""


@dataclass(frozen=True, order=True, slots=True)
class Reject:
    """Something refused: its path, the stage, a short machine word, and a sentence for people."""

    path: str
    stage: Literal["source", "decode", "faces", "marks", "bank", "retrieve", "pairs"]
    reason: str
    detail: str
