"""The local deployment: one server with the Bento of the version in production, replaced and proven, or put back."""

import base64
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.packaging.config import PackagingConfig
from model.artefacts import new_folder
from model.errors import UserError
from model.locks import only_user
from model.network import why_no_answer
from pipelines.bentos import bento_of
from pipelines.promotion import put_back
from pipelines.registry import Registry
from pipelines.runs import Runs
from pipelines.server import Server

ORDER = {"prompt": "a person smiling", "seed": 7}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """A folder with the Bentos and the server's log, and the port of the loopback that the server listens on.

    `packaging` says where the networks run and how long a service may take to be ready.
    """

    folder: Path
    port: int
    runs: Runs
    registry: Registry
    packaging: PackagingConfig = field(default_factory=PackagingConfig)

    @property
    def server(self) -> Server:
        return Server(self.folder.resolve(), self.port, self.packaging)

    def reconcile(self) -> dict[str, Any]:
        """Serve the version in production, and prove it by requests; one that fails them is rolled back.

        Returns the version that serves, with `rolled_back`: the version that failed, or None. Raises UserError where
        there is nothing to serve or to go back to.
        """
        with self._only_user():
            version = self.registry.champion()
            self._references(self.registry.find(version))  # a remote that is out of reach is no fault of the version
            self.server.refuse_taken_port()  # nor is this
            try:
                return {"version": version, "rolled_back": None, **self._serve(version)}
            except UserError as error:
                log.warning("%s failed: %s", version, error)
                self.server.stop()
                earlier = self._earlier(version, error)
                served = self._serve(earlier)
                put_back(self.runs, self.registry, earlier, f"{version} failed: {str(error)[:120]}")
                return {"version": earlier, "rolled_back": version, "why": str(error), **served}

    def stop(self) -> bool:
        """End what is served, whatever version it is; whether there was anything."""
        if not (self.folder.exists() or self.server.processes()):
            return False
        with self._alone():
            served = bool(self.server.processes())
            self.server.stop()
        return served

    def go_back(self, version: str | None) -> dict[str, Any]:
        """Put `version`, or else the champion before this one, back into production, and serve it where one serves."""
        with self._only_user():
            name = self.registry.find(version)["version"] if version else self.registry.previous()
            served = self._serve(name) if self.server.processes() else {}
            put_back(self.runs, self.registry, name, "rolled back by a person")
            return {"version": name, **served}

    def _serve(self, version: str) -> dict[str, Any]:
        """Serve `version` and prove it; a server that has it already is left running."""
        record = self.registry.find(version)
        if self.server.model() != record["model"]:
            bento = bento_of(record, self.runs, self.registry, self.folder / "bentos", self.packaging)
            self.server.start(bento)
        with self.server.client() as client:
            _smoke(client, record, self._references(record))
        return {"url": self.server.url, "model": record["model"]}

    def _earlier(self, version: str, failure: UserError) -> str:
        """The champion before `version`; where there is none, the failure is all there is to tell."""
        try:
            return self.registry.previous()
        except UserError:
            raise UserError(f"{version} failed: {failure}; no champion is before it, so nothing serves.") from failure

    def _references(self, record: dict[str, Any]) -> list[bytes]:
        pictures = self.folder / "references" / str(record["version"])
        if not pictures.is_dir():
            with new_folder(pictures) as draft:
                draft.rmdir()  # DVC would fetch into it under the name of the data
                self.registry.fetch(str(record["version"]), "scores", draft)
        return [file.read_bytes() for file in sorted(pictures.glob("images/*/reference-*.jpg"))]

    @contextmanager
    def _only_user(self) -> Iterator[None]:
        """Hold the deployment and the registry. Raises UserError, before a lock is made, where nothing was promoted."""
        self.registry.champion()
        with self._alone(), self.registry.only_user():
            yield

    def _alone(self) -> AbstractContextManager[None]:
        return only_user(self.folder / "lock", f"the deployment {self.folder}")


def _smoke(client: Any, record: dict[str, Any], references: list[bytes]) -> None:
    """Ask the service for its lineage and for a picture. Raises UserError where an answer is not good."""
    import httpx

    try:
        told = client.post("/model", json={}).raise_for_status().json()["lineage"]["model"]
        if told != record["model"]:
            raise UserError(f"the service serves the model {told[:12]} instead of {record['model'][:12]}")
        for reference in references:
            answer = client.post("/generate", json={**ORDER, "references": [base64.b64encode(reference).decode()]})
            if answer.status_code == 422:
                continue  # a reference that the service does not accept says nothing of the model
            if answer.status_code != 200 or not answer.content.startswith(b"\x89PNG"):
                raise UserError(f"the service answered {answer.status_code} to a good request")
            return
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise UserError(f"the service gave no answer ({why_no_answer(error)})") from error
    raise UserError(f"the service accepts none of the {len(references)} references of the scores")
