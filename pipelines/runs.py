"""The runs folder: runs/<id>/ with every artefact by name and run.json, the links `latest` and `champion`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.artefacts import UnreadableError, new_folder, read_json, write_json
from model.errors import UserError
from model.locks import in_use
from pipelines.store import Store, link_tree

LATEST, CHAMPION, JOBS = "latest", "champion", ".jobs"


@dataclass(frozen=True)
class Runs:
    """All runs below one folder, and the store that their artefacts are linked from."""

    folder: Path

    @property
    def store(self) -> Store:
        return Store(self.folder / ".store")

    def begin(self, facts: Mapping[str, Any]) -> Path:
        """Make the folder of a new run, with its run.json, and point `latest` to it."""
        now = datetime.now(UTC)
        name = now.strftime("%Y%m%d-%H%M%S")
        number = 1
        while (run := self.folder / (name if number == 1 else f"{name}-{number}")).exists():
            number += 1
        run.mkdir(parents=True)
        record = {"schema": 1, "id": run.name, "status": "running", "started": now.isoformat(timespec="seconds")}
        write_json(run / "run.json", {**record, **facts})
        self._point(LATEST, run)
        return run

    def finish(self, run: Path, artefacts: Mapping[str, Path], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Show the artefacts in the run's folder and complete its run.json, which is returned.

        Where they lie in the store, the record says where, so that `prune` leaves them to the run.
        """
        for name, source in artefacts.items():
            with new_folder(run / name) as draft:
                draft.rmdir()
                link_tree(source, draft)
        record = read_json(run / "run.json")
        record |= {"finished": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
        record["stored"] = self.store.addresses(artefacts.values())
        write_json(run / "run.json", record)
        return dict(record)

    def arrived(self, run: Path) -> None:
        """Point `latest` to a run that was made elsewhere, unless a newer one is there or one is being made here."""
        link = self.folder / LATEST
        newer = link.is_symlink() and link.resolve().name > run.name
        if not (newer or self.store.busy()):
            self._point(LATEST, run)

    def find(self, name: str = LATEST) -> Path:
        """The folder of the run `name`, which may be `latest` or `champion`. Raises UserError when there is none."""
        run = self.folder / name
        if Path(name).name == name and (run / "run.json").is_file():
            return run.resolve()
        link = self.folder / CHAMPION
        if name == CHAMPION and link.is_symlink():
            raise UserError(
                f"The champion {link.readlink()} of {self.folder} is gone: make another run the champion with "
                "`withanyone runs champion RUN`, bring a promoted one back with `withanyone rollback --to VERSION`, or "
                f"delete the link {link} to judge without a champion."
            )
        if name == CHAMPION:
            raise UserError(f"{self.folder} has no champion yet: choose one with `withanyone runs champion RUN`.")
        known = [path.name for path in self._all()]
        if not known:
            raise UserError(f"{self.folder} holds no run yet: make one with `withanyone run`.")
        raise UserError(f"There is no run {name!r} in {self.folder}: name one of {', '.join(known[-5:])}.")

    def newest_dataset(self) -> Path:
        """The dataset of the newest run that has one: who is at work, or failed early, has none. Raises UserError."""
        for run in reversed(self._all()):
            if (run / "dataset").is_dir():
                return run / "dataset"
        raise UserError(f"No run in {self.folder} has a dataset: name one with --dataset.")

    def crown(self, name: str) -> Path:
        """Make the run `name` the champion that later models are judged against. Raises UserError."""
        run = self.find(name)
        if not (run / "scores" / "scores.json").is_file():
            raise UserError(f"The run {run.name} has no scores, so nothing can be judged against it: choose another.")
        self._point(CHAMPION, run)
        return run

    def champion(self) -> Path | None:
        """The champion's run, or None while there is no champion. Raises UserError where its folder was deleted."""
        return self.find(CHAMPION) if (self.folder / CHAMPION).is_symlink() else None

    def records(self) -> list[dict[str, Any]]:
        """The records of all runs, oldest first; one that a kill left at `running` is `interrupted`.

        Of a run whose record cannot be read it is `damaged`, with the sentence that says why as its `problem`.
        """
        busy = self.store.busy()
        latest = (self.folder / LATEST).resolve()
        champion = (self.folder / CHAMPION).resolve()
        records = []
        for path in self._all():
            try:
                record = _record(path, "id", "status")
            except UserError as error:
                record = {"id": path.name, "status": "damaged", "problem": str(error)}
            if record["status"] == "running" and not (busy and path == latest):
                record["status"] = "interrupted"
            records.append({**record, "latest": path == latest, "champion": path == champion})
        return records

    def prune(self, keep: int) -> list[str]:
        """Delete all runs but the newest `keep`, the newest done, the champion and those that these name; their names.

        What steps made before the newest `keep` goes, too, unless a run that stays shows it, and so do the words of
        Airflow's tasks that ended before. Raises BusyError while a run is at work, and UserError where a record cannot
        be read: what that run needs is not known.
        """
        if not (self._all() or self.store.folder.is_dir()):  # no place for a store: nothing ever ran here
            return []
        with self.store.only_user():
            known = self._all()
            newest = known[-keep:]
            records = {run: _record(run, "status", "started") for run in known}
            done = [run for run in known if records[run]["status"] == "done"]  # failed ones may be the newest for long
            spared = {*newest, *done[-1:], *filter(None, [self._linked(CHAMPION), self._linked(LATEST)])}
            named = {path for run in spared for path in _paths(records[run].get("settings", {}))}
            spared |= {run for run in known if any(path.is_relative_to(run) for path in named)}
            gone = [run for run in known if run not in spared]
            since = min((_started(records[run]) for run in newest), default=0)
            for folder in (*gone, *self._ended_jobs(since)):
                self.store.discard(folder)
            shown = [address for run in spared for address in records[run].get("stored", [])]
            self.store.keep_only(shown, since)
        return [run.name for run in gone]

    def _ended_jobs(self, since: float) -> list[Path]:
        """The folders of Airflow's tasks (dags/command.py) that are not at work and changed last before `since`."""
        known = (self.folder.resolve() / JOBS).glob("*")
        return [job for job in known if job.stat().st_mtime < since and not in_use(job / "lock")]

    def _linked(self, name: str) -> Path | None:
        """The run that the link `name` points to, if it is there."""
        run = (self.folder / name).resolve()
        return run if (run / "run.json").is_file() else None

    def _all(self) -> list[Path]:
        files = self.folder.resolve().glob("[!.]*/run.json")  # one that is being fetched has no name yet
        return sorted(file.parent for file in files if not file.parent.is_symlink())

    def _point(self, name: str, run: Path) -> None:
        """Point the link `name` at `run` in one move, so that a reader finds the old one or the new one."""
        draft = self.folder / f".{name}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(run.name)
        draft.replace(self.folder / name)


def _record(run: Path, *keys: str) -> dict[str, Any]:
    try:
        return read_json(run / "run.json", *keys)
    except UnreadableError as error:
        why = str(error).rpartition(":")[0]
        raise UserError(f"{why}: bring it back from a copy, or delete the run's folder {run}") from error


def _started(record: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(record["started"]).timestamp()


def _paths(settings: Any) -> Iterator[Path]:
    """The absolute paths anywhere in a record's settings."""
    if isinstance(settings, Mapping):
        for value in settings.values():
            yield from _paths(value)
    elif isinstance(settings, str) and settings.startswith("/"):
        yield Path(settings).resolve()
