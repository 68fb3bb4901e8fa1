"""Fetches one photo: asks permission, follows redirects, honours opt-outs, bounds and checks what it stores."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import httpcore
import httpx

from components.files import ID_DIGITS
from components.photos.urls.exchange import Budget, ask, header, headers, redirect, with_patience
from components.photos.urls.hosts import Host
from components.photos.urls.limits import Limits
from components.photos.urls.opt_out import opted_out
from components.photos.urls.refusal import RefusedError, of_forgotten
from components.photos.urls.sniff import LONGEST, picture_kind
from components.photos.urls.wanted import Wanted
from model.artefacts import new_file


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for the photo `key`: a picture of that `kind` (file extension), size and id, or a refusal."""

    key: str
    kind: str = ""
    size: int = 0  # bytes
    photo_id: str = ""
    reason: str = ""
    detail: str = ""

    @classmethod
    def refused(cls, key: str, error: RefusedError) -> Self:
        """That of a photo which is not taken."""
        return cls(key, photo_id=error.photo_id, reason=error.reason, detail=str(error))

    @property
    def name(self) -> str:
        """The picture's path in the album."""
        return f"{self.key[:2]}/{self.key}.{self.kind}"


class Fetcher:
    """Fetches photos into `folder`, each as a file named by its key in a sub-folder of the key's first two digits.

    Those whose ids are `barred` never become files.
    """

    def __init__(
        self, pool: httpcore.AsyncConnectionPool, limits: Limits, folder: Path, barred: Collection[str]
    ) -> None:
        self.pool = pool
        self.limits = limits
        self.folder = folder
        self.barred = barred
        self.hosts: dict[tuple[str, str, int | None], Host] = {}

    async def fetch(self, wanted: Wanted) -> Outcome:
        """Fetch one photo. What can go wrong with it is in the outcome; only trouble with the disk is raised."""
        budget = Budget(self.limits.seconds)
        try:
            return await with_patience(self.limits, self._attempt, wanted, budget)
        except RefusedError as error:
            return Outcome.refused(wanted.key, error)

    async def _attempt(self, wanted: Wanted, budget: Budget) -> Outcome:
        url = wanted.url
        for _ in range(self.limits.redirects + 1):
            host = self._host(url)
            await host.permit(url)
            async with host.turn():
                with budget.spending():
                    async with ask(self.pool, url, self.limits) as response:
                        _heed(host, url, response)
                        following = redirect(url, response)
                        if following is None:
                            return await self._store(wanted, response)
            url = following
        raise RefusedError("bad_redirect", f"it redirects more than {self.limits.redirects} times")

    def _host(self, url: httpx.URL) -> Host:
        key = (url.scheme, url.host, url.port)
        return self.hosts.setdefault(key, Host(self.pool, self.limits))

    async def _store(self, wanted: Wanted, response: httpcore.Response) -> Outcome:
        length = header(response, "content-length")
        if length.isdecimal() and int(length) > self.limits.largest:
            raise _too_large(self.limits)
        with storing(self.folder / wanted.key[:2] / wanted.key, wanted.sha256, self.limits) as picture:
            async for piece in response.aiter_stream():
                picture.take(piece)
            kind = picture.finish()
            if picture.photo_id in self.barred:
                raise of_forgotten(picture.photo_id)
            return Outcome(wanted.key, kind, picture.size, picture.photo_id)


class Picture:
    """A picture on its way to the disk."""

    def __init__(self, file: BinaryIO, sha256: str, limits: Limits) -> None:
        self.file = file
        self.sha256 = sha256
        self.limits = limits
        self.size = 0
        self.head = b""
        self.digest = hashlib.sha256()

    def take(self, piece: bytes) -> None:
        """Store the next bytes; raises `RefusedError` as soon as they are too many, or no picture's."""
        self.size += len(piece)
        if self.size > self.limits.largest:
            raise _too_large(self.limits)
        self.digest.update(piece)
        if len(self.head) < LONGEST:
            self.head += piece
            if len(self.head) < LONGEST:
                return
            self._kind()
            piece = self.head
        self.file.write(piece)

    @property
    def photo_id(self) -> str:
        """The id of what came so far."""
        return self.digest.hexdigest()[:ID_DIGITS]

    def finish(self) -> str:
        """The kind of the whole picture; raises `RefusedError` when it is none, or not the one it should be."""
        kind = self._kind()
        if self.size < LONGEST:
            self.file.write(self.head)
        if self.sha256 and self.digest.hexdigest() != self.sha256:
            raise RefusedError("hash_mismatch", f"its SHA-256 is {self.digest.hexdigest()}, not {self.sha256}")
        return kind

    def _kind(self) -> str:
        kind = picture_kind(self.head)
        if kind is None:
            raise RefusedError("not_an_image", f"it begins with {self.head[:LONGEST]!r}, like no picture")
        return kind


@contextmanager
def storing(path: Path, sha256: str, limits: Limits) -> Iterator[Picture]:
    """A picture that stands at `path` once the block has ended well, and nowhere when it has not."""
    with new_file(path, durable=False) as draft, open(draft, "wb") as file:
        yield Picture(file, sha256, limits)


def _heed(host: Host, url: httpx.URL, response: httpcore.Response) -> None:
    """Raise `RefusedError` for what opts out or is no success; remember a pause that the host asks for."""
    objection = opted_out(headers(response))
    if objection:
        raise RefusedError("opted_out", f"its owner opts out with {objection[:200]}")
    status = response.status
    if status < 400 and (status in (200, 203) or header(response, "location")):
        return
    again = status == 429 or status >= 500
    if again:
        host.pause_as_asked(response)
    raise RefusedError(f"http_{status}", f"{url.host} answered {status}", again)


def _too_large(limits: Limits) -> RefusedError:
    return RefusedError("too_large", f"it has more than {limits.largest / 1e6:g} MB (photos.largest_megabytes)")
