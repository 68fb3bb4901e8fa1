"""Tombstones: who is to be forgotten, without a name. Curation writes them, the gate and the service look for them.

It holds the digest of a name, the ids of photos, and a face's centre, because photos of the person that come later, or
under other names, can be known by the face alone.
"""

import hashlib
import unicodedata
from datetime import date
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from model.artefacts import write_json
from model.errors import UserError

FORGOTTEN = "forgotten.json"


class Tombstone(BaseModel):
    """One forgotten person: `centre` [d] is a unit embedding of the recogniser whose digest is `recogniser`.

    A face is the person's from the cosine `similarity` on. A person who is known by name alone has neither centre nor
    recogniser.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    photos: tuple[str, ...]
    recogniser: str = ""
    centre: tuple[FiniteFloat, ...] = ()
    similarity: FiniteFloat = 1.0
    since: date


class Tombstones(BaseModel):
    """All tombstones of a photo folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[Tombstone, ...] = ()

    @cached_property
    def photos(self) -> frozenset[str]:
        """The ids of all photos that are known to show one of them."""
        return frozenset(photo for stone in self.people for photo in stone.photos)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of `folder/forgotten.json`, none where it is absent; raises `UserError` where it cannot be trusted."""
        path = folder / FORGOTTEN
        try:
            path.lstat()
            if not path.is_file():  # a pipe would never end, and a link to nowhere is no sign that nobody is forgotten
                raise UserError(_unreadable(path, "it is neither a file nor a link to one"))
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            raise UserError(_unreadable(path, error.errors()[0]["msg"])) from error
        except OSError as error:
            raise UserError(_unreadable(path, error.strerror)) from error

    def write(self, folder: Path) -> None:
        """Write them into `folder`."""
        path = folder / FORGOTTEN
        try:
            write_json(path, self.model_dump(mode="json"))
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): make the folder writable") from error

    def named(self, path: str, person: str = "") -> bool:
        """Whether a photo bears a forgotten person's name, as its person or as a folder on its path."""
        names = {name_digest(name) for name in (person, *PurePosixPath(path).parts[:-1]) if name}
        return any(stone.name_sha256 in names for stone in self.people)


def _unreadable(path: Path, why: str | None) -> str:
    return f"{path} cannot be read ({why}): bring it back from a copy, or somebody would be remembered"


def name_digest(name: str) -> str:
    """SHA-256 in hex of a person's name, in whatever case, spacing and Unicode form it is written."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()
