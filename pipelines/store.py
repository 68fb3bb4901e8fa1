"""The store of a runs folder: artefacts that kfp.local made, each unique and never changed, and its cache of steps."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.artefacts import UnreadableError, link_file, read_json, write_json
from model.locks import in_use, only_user
from pipelines.sources import listing_digest

SEAL = "seal.json"


@dataclass(frozen=True)
class Store:
    """Artefacts lie at artefacts/<execution>/<step>/<output>; a seal beside each says where it comes from."""

    folder: Path

    @property
    def artefacts(self) -> Path:
        return self.folder.resolve() / "artefacts"

    @property
    def cache(self) -> Path:
        return self.folder.resolve() / "cache"

    def only_user(self) -> AbstractContextManager[None]:
        """Hold the store for one run; a second one would work on the same scratch folders. Raises BusyError."""
        remedy = "wait for it, or name another --runs folder"
        return only_user(self._lock, f"the runs in {self.folder.parent}", remedy)

    def busy(self) -> bool:
        """Whether a run holds the store now."""
        return in_use(self._lock)

    def seal(self, output: Path, facts: dict[str, Any]) -> None:
        """Record, when a step has made `output`, what it was made from and what it looks like."""
        write_json(output.parent / SEAL, {"schema": 1, **facts, "listing": listing_digest(output)})

    def addresses(self, outputs: Iterable[Path]) -> list[str]:
        """Where in the store the `outputs` and all that they were made from lie; what lies elsewhere is left out."""
        made = ancestry({str(output): output for output in outputs}).values()
        inside = {path.resolve() for path in made if path.resolve().is_relative_to(self.artefacts)}
        return sorted(str(path.relative_to(self.artefacts)) for path in inside)

    def discard(self, folder: Path) -> None:
        """Take a folder beside the store away at once; the next sweep deletes it."""
        self._bin.mkdir(parents=True, exist_ok=True)
        folder.rename(Path(tempfile.mkdtemp(dir=self._bin)) / folder.name)  # one of its name may lie there already

    def keep_only(self, addresses: Iterable[str], since: float) -> None:
        """Drop all results of steps but those at `addresses` and those made `since` a time in seconds of the epoch."""
        wanted = {self.artefacts / address for address in addresses}
        for entry, outputs in self._cached():
            if entry.stat().st_mtime < since and not wanted.issuperset(outputs):
                entry.unlink()
        self.sweep()

    def sweep(self) -> None:
        """Drop what a kill left behind and what was discarded, and forget results that were altered since."""
        kept: set[Path] = set()
        for entry, outputs in self._cached():
            if outputs and all(_intact(output) for output in outputs):
                kept.update(output.parent for output in outputs)
            else:
                entry.unlink()
        spared = {folder for task in kept for folder in (task, *task.parents)}  # tasks of a loop lie one folder deeper
        for task in self.artefacts.glob("*/*"):
            if task not in spared:
                shutil.rmtree(task)
        for execution in self.artefacts.glob("*"):
            if not any(execution.iterdir()):
                execution.rmdir()
        shutil.rmtree(self._bin, ignore_errors=True)

    @property
    def _lock(self) -> Path:
        return self.folder / "lock"

    @property
    def _bin(self) -> Path:
        return self.folder.resolve() / "discarded"

    def _cached(self) -> Iterator[tuple[Path, list[Path]]]:
        """Each entry of the cache with its outputs; one that cannot be read, or holds something else, has none."""
        from kfp.local.cache import LocalCache

        cache = LocalCache(str(self.cache))
        for entry in self.cache.glob("*.json"):
            try:
                outputs = [Path(output.uri) for output in (cache.get(entry.stem) or {}).values()]
            except (AttributeError, LookupError, RecursionError, TypeError, ValueError):  # kfp expects its own alone
                outputs = []
            yield entry, outputs


def _intact(output: Path) -> bool:
    try:
        return bool(read_json(output.parent / SEAL, "listing")["listing"] == listing_digest(output))
    except UnreadableError:  # none, or one that is damaged, too
        return False


@contextmanager
def resealed(files: Iterable[Path]) -> Iterator[None]:
    """Inside, `files` may be taken out of artefacts, which are as intact after it as they were before."""
    places = {place for file in files for place in file.parents if (place.parent / SEAL).is_file()}
    intact = [place for place in places if _intact(place)]
    yield
    for place in intact:
        facts = read_json(place.parent / SEAL)
        write_json(place.parent / SEAL, {**facts, "listing": listing_digest(place)})


def ancestry(paths: dict[str, Path]) -> dict[str, Path]:
    """`paths` (artefacts by name) and all the artefacts that they were made from, read from the seals."""
    found = dict(paths)
    for path in paths.values():
        seal = path.parent / SEAL
        if seal.is_file():
            sources = {name: Path(source) for name, source in read_json(seal)["paths"].items() if Path(source) != path}
            found = {**ancestry(sources), **found}
    return found


def link_tree(source: Path, target: Path) -> None:
    """Show the folder `source` at `target`: hard links where the file system has them, copies elsewhere."""
    shutil.copytree(source, target, copy_function=link_file, symlinks=True)
