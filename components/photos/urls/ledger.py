"""Remembers how each photo of a list ended, line by line, so that a killed download goes on where it was."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from components.photos.urls.fetch import Outcome
from components.photos.urls.refusal import passing

NAME = "outcomes.jsonl"


class Ledger:
    """The open ledger of a download into `folder`: what it knew when it was opened, by key, and a place for more."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        self.known = {outcome.key: outcome for outcome in outcomes(path)}
        self.file = path.open("a+b")
        if self.file.tell():
            self.file.seek(-1, 2)
            if self.file.read() != b"\n":  # a kill has cut the last line off
                self.file.write(b"\n")

    def add(self, outcome: Outcome) -> None:
        """Write an outcome; one that may end otherwise next time is left out."""
        if not passing(outcome.reason):
            self.file.write(json.dumps(asdict(outcome)).encode() + b"\n")
            self.file.flush()

    def close(self) -> None:
        self.file.close()


def outcomes(path: Path) -> Iterator[Outcome]:
    """The outcomes in the file of a ledger, if there is one; a line that was cut off by a kill is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                said = json.loads(line)
                # One text for all that say the same: of millions of photos most do.
                yield Outcome(**said | {name: sys.intern(said[name]) for name in ("kind", "reason", "detail")})
            except (ValueError, TypeError, KeyError):
                continue
