"""Requests to forget a person: kept until they are done in the dataset, the registry and the serving deny-list."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.artefacts import read_json, write_json
from model.errors import UserError
from pipelines.registry import Registry

AFFECTED = "affected.json"  # in the registry: versions trained on people who are forgotten since


@dataclass(frozen=True)
class Deletions:
    """The requests in `folder`, a file each: `pending/` names the person, `done/` only the digest of the name."""

    folder: Path

    def add(self, person: str) -> None:
        """Note a request; a second one for the same person is the same request."""
        from components.tombstones import name_digest

        if not person.strip():
            raise UserError("the name of the person is empty: give it as the photos have it")
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(self._pending(name_digest(person)), {"person": person, "requested": moment})

    def pending(self) -> list[str]:
        """The people who wait to be forgotten."""
        return [str(read_json(file)["person"]) for file in sorted((self.folder / "pending").glob("[!.]*.json"))]

    def apply(self, photos: Path, dataset: Path, registry: Registry, deployment: Path) -> list[dict[str, Any]]:
        """Carry out every request: the dataset, the versions that were trained on the person, the deny-list.

        One that cannot be carried out stays pending, with its reason in the result; the others are done.
        """
        return [self._apply(person, photos, dataset, registry, deployment) for person in self.pending()]

    def _apply(self, person: str, photos: Path, dataset: Path, registry: Registry, deployment: Path) -> dict[str, Any]:
        from components.curation.forget import forget
        from components.tombstones import name_digest

        digest = name_digest(person)
        try:
            try:
                done = forget(person, photos, dataset)
            finally:  # it writes the tombstone first: whatever it fails at later, the service is to know the face
                _deny(photos, deployment)
        except UserError as error:
            return {"person": digest, "done": False, "why": str(error)}
        versions = affected(registry, digest)
        facts = {"person": digest, "done": True, "photos": done.photos, "versions": versions}
        facts["champion"] = registry.production() in versions
        write_json(self.folder / "done" / f"{digest}.json", facts)
        self._pending(digest).unlink()
        return facts

    def _pending(self, digest: str) -> Path:
        return self.folder / "pending" / f"{digest}.json"


def _deny(photos: Path, deployment: Path) -> None:
    """Add the tombstones of a photo folder to those of the service, which has those of all such folders."""
    from components.tombstones import Tombstones

    before, more = Tombstones.read(deployment).people, Tombstones.read(photos).people
    if more:
        Tombstones(people=tuple(dict.fromkeys((*before, *more)))).write(deployment)


def affected_versions(registry: Registry) -> dict[str, list[str]]:
    """The digests of people forgotten since, by the version that was trained on them."""
    file = registry.root / AFFECTED
    return dict(read_json(file)) if file.is_file() else {}


def affected(registry: Registry, digest: str) -> list[str]:
    """Note in the registry which versions were trained on the person with this name's digest; returns them."""
    if not registry.exists:
        return []
    versions = [name for name, record in registry.versions().items() if digest in record["people"]]
    with registry.only_user():
        noted = affected_versions(registry)
        for name in versions:
            noted[name] = sorted({*noted.get(name, []), digest})
        if versions:
            write_json(registry.root / AFFECTED, noted)
            registry.commit("Note the versions that hold a forgotten person")
    return versions
