"""Whose face may be used: nobody who asked to be forgotten, and where the switch is on, only people who enrolled.

Both lists are files of tombstones as curation writes them (`forgotten.json`): a face's centre and the cosine from which
a face is the person's. They are read again when they change.
"""

import logging
import threading
from http import HTTPStatus
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from components.packaging.refusals import RefusalError
from model.errors import UserError

log = logging.getLogger(__name__)
Floats = NDArray[np.float32]


class _Person(BaseModel):
    model_config = ConfigDict(frozen=True)

    recogniser: str = ""
    centre: tuple[float, ...] = ()
    similarity: float = 1.0


class _People(BaseModel):
    people: tuple[_Person, ...] = ()


class FaceList:
    """The people of one file, known by the recogniser whose digest is `recogniser`."""

    def __init__(self, path: Path, recogniser: str) -> None:
        """Raises UserError where the file cannot be read or holds a face that this recogniser cannot know."""
        self.path, self.recogniser = path, recogniser
        self._lock = threading.Lock()
        self._stamp, self._centres, self._least = self._read()

    def holds(self, embedding: Floats) -> bool:
        """Whether the raw `embedding` [d] is one of the people's, by the file as it is now."""
        with self._lock:
            self._refresh()
        unit = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        return len(self._centres) > 0 and bool((self._centres @ unit >= self._least).any())

    def _refresh(self) -> None:
        try:
            if _stamp(self.path) != self._stamp:
                self._stamp, self._centres, self._least = self._read()
        except (UserError, OSError) as error:
            log.error("%s cannot be read again, what it held before still counts: %s", self.path.name, error)

    def _read(self) -> tuple[tuple[int, int], Floats, Floats]:
        try:
            stamp = _stamp(self.path)
            people = _People.model_validate_json(self.path.read_bytes()).people
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error.strerror}): bring it back from a copy") from error
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise UserError(f"{self.path} is no list of people's faces ({why}): bring it back from a copy") from error
        known = [one for one in people if one.centre]
        if any(one.recogniser != self.recogniser for one in known):
            raise UserError(
                f"{self.path} holds faces of another recogniser than this model's {self.recogniser[:12]}, who would "
                "not be known: make the list with this one"
            )
        centres = np.array([one.centre for one in known], np.float32)
        return stamp, centres, np.array([one.similarity for one in known], np.float32)


class Consent:
    """The two lists, either of which may be absent."""

    def __init__(self, forgotten: FaceList | None = None, enrolled: FaceList | None = None) -> None:
        self.forgotten, self.enrolled = forgotten, enrolled

    def check(self, embedding: Floats, name: str) -> None:
        """Raise RefusalError where the face `embedding` [d] of the reference called `name` must not be used."""
        if self.forgotten and self.forgotten.holds(embedding):
            why, remedy = "shows a person whose face may not be used", "use a picture of somebody else"
            raise RefusalError(HTTPStatus.FORBIDDEN, name, why, remedy, kind="forgotten")
        if self.enrolled and not self.enrolled.holds(embedding):
            why, remedy = "shows nobody who is enrolled", "enrol the person with their consent first"
            raise RefusalError(HTTPStatus.FORBIDDEN, name, why, remedy, kind="not-enrolled")


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_mtime_ns, about.st_size
