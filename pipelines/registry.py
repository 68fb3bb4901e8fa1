"""The registry: a git repository with DVC. GTO's tags in it are the model's versions and where each was put."""

import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.artefacts import write_json
from model.errors import UserError
from model.locks import only_user
from model.network import why_no_answer
from pipelines.store import link_tree
from pipelines.versions import quiet_dvc

NAME, STAGE = "withanyone", "production"
RECORD = "version.json"  # in every commit that is a version: what it is made of and who let it through
DATA = ("model", "dataset", "scores", "decision")  # folders that DVC tracks
START = "Start the registry"  # the first commit, by which a registry is known
STORE = "registry-store"  # the default remote, beside the registry
VERSION_TAG = re.compile(rf"{NAME}@(v\d+\.0\.0)")
STAGE_TAG = re.compile(rf"{NAME}#{STAGE}#(\d+)")
AUTHOR = ("withanyone", "withanyone@localhost")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registry:
    """The registry in the folder `root`, which `create` makes when it is not there."""

    root: Path

    @property
    def exists(self) -> bool:
        return (self.root / ".dvc" / "config").is_file() and (self.root / ".git").exists()

    def create(self) -> None:
        """Make the repository, with a local folder beside it as DVC's remote; one that is there is left alone.

        Raises UserError for a folder of anything else: a promotion throws changes away and replaces model/ in it.
        """
        from dvc.repo import Repo

        self._refuse_another()
        if self.exists and self._head():
            return
        self.root.mkdir(parents=True, exist_ok=True)
        git(self.root, "init", "--quiet", "--initial-branch", "main")
        with quiet_dvc(), Repo.init(str(self.root), force=True) as repo, repo.config.edit() as config:
            config["core"].update(analytics=False, check_update=False, autostage=False, remote="store")
            config["cache"]["type"] = ["hardlink", "copy"]  # a version costs no second copy of the run's files
            store = os.path.relpath(self.root.resolve().with_name(STORE))  # DVC writes ASCII, and this may be moved
            config["remote"] = {"store": {"url": store}}
        self.commit(START)

    def _refuse_another(self) -> None:
        begun = (self.root / ".git").exists() and self._head()
        first = git(self.root, "log", "--max-parents=0", "--format=%s") if begun else ""
        known = {".git", ".dvc", ".dvcignore", ".gitignore"}  # what a creation that was killed may have left
        others = [path.name for path in self.root.iterdir() if path.name not in known] if self.root.exists() else []
        if START not in first.splitlines() and (first or others):
            raise UserError(
                f"{self.root} is there already and is no registry: give --registry the name of a new folder."
            )

    def only_user(self) -> AbstractContextManager[None]:
        """Hold the registry for one change. Raises UserError while another process changes it."""
        return only_user(self.root.parent / f".{self.root.name}.lock", f"the registry {self.root}")

    def versions(self) -> dict[str, dict[str, Any]]:
        """The record of each registered version, oldest first."""
        tags = (VERSION_TAG.fullmatch(tag) for tag in self._tags())
        names = sorted((tag[1] for tag in tags if tag), key=_number)
        return {name: json.loads(git(self.root, "show", f"{NAME}@{name}:{RECORD}")) for name in names}

    def find(self, version: str) -> dict[str, Any]:
        """The record of `version` (v2, v2.0.0 or withanyone@v2.0.0) with its name as `version`. Raises UserError."""
        wanted = version.removeprefix(f"{NAME}@")
        wanted = f"{wanted}.0.0" if re.fullmatch(r"v\d+", wanted) else wanted
        known = self.versions()
        if wanted not in known:
            raise UserError(
                f"The registry {self.root} has no version {version!r}: it has {', '.join(known) or 'none yet'}."
            )
        return {"version": wanted, **known[wanted]}

    def history(self) -> list[dict[str, str]]:
        """What was put into production, oldest first: version, when, and the words that say why and where."""
        line = "%(refname:short)%00%(*objectname)%00%(taggerdate:iso-strict)%00%(contents:subject)"
        rows = git(self.root, "for-each-ref", f"--format={line}", "refs/tags") if self.exists else ""
        facts = [row.split("\0") for row in rows.splitlines()]
        names = {commit: found[1] for tag, commit, _, _ in facts if (found := VERSION_TAG.fullmatch(tag))}
        turns = [
            (int(found[1]), {"version": names[commit], "at": when, "why": why})
            for tag, commit, when, why in facts
            if (found := STAGE_TAG.fullmatch(tag)) and commit in names
        ]
        return [turn for _, turn in sorted(turns, key=lambda pair: pair[0])]

    def production(self) -> str | None:
        """The version in production, or None before the first."""
        turns = self.history()
        return turns[-1]["version"] if turns else None

    def champion(self) -> str:
        """The version in production. Raises UserError before the first."""
        version = self.production()
        if version is None:
            raise UserError(f"The registry {self.root} has no version in production: promote a run first.")
        return version

    def previous(self) -> str:
        """The champion before the present one, of those that nobody has gone back from since. Raises UserError."""
        line: list[str] = []
        for turn in self.history():
            version = turn["version"]
            line = [*line[: line.index(version)], version] if version in line else [*line, version]
        if len(line) < 2:
            words = f"The registry {self.root} has no champion" + (f" before {line[-1]}" if line else "")
            raise UserError(f"{words}: there is nothing to go back to.")
        return line[-2]

    def hold(self, folders: Mapping[str, Path], record: Mapping[str, Any], subject: str) -> None:
        """Commit the data `folders` (by names of DATA) and their `record`, and push the data to DVC's remote.

        What a killed attempt left is thrown away first. The commit is no version until `register` tags it.
        """
        (self.root / ".git" / "index.lock").unlink(missing_ok=True)  # nobody else is at work: a killed git left it
        git(self.root, "reset", "--quiet")
        git(self.root, "add", str(Path(".dvc", "config")))  # `dvc remote modify` changes it and commits nothing
        if git(self.root, "diff", "--cached", "--name-only"):
            git(self.root, "commit", "--quiet", "-m", "Change the settings of DVC")
        git(self.root, "reset", "--quiet", "--hard")
        ours = [RECORD, ".gitignore", *folders, *(f"{name}.dvc" for name in folders)]
        git(self.root, "clean", "--quiet", "--force", "-d", "--", *ours)
        for name, folder in folders.items():
            shutil.rmtree(self.root / name, ignore_errors=True)
            link_tree(folder, self.root / name)
        write_json(self.root / RECORD, record)
        with self.opened() as repo:
            repo.add([str(self.root / name) for name in folders])
            self.commit(subject)
            self._push(repo)

    def push(self, version: str) -> None:
        """Push the data of `version` again, for the case that the remote lost it. Raises UserError."""
        with self.opened() as repo:
            self._push(repo, revs=[f"{NAME}@{version}"], workspace=False)

    def _push(self, repo: Any, **what: Any) -> None:
        try:
            repo.push(**what)
        except Exception as error:  # each store has errors of its own
            raise UserError(
                f"DVC could not push to {_remote(repo)}, the remote of {self.root} ({why_no_answer(error)}): mend the "
                "remote (`dvc remote list` shows it) and promote again; nothing was promoted."
            ) from error

    def register(self, message: str) -> str:
        """Tag the present commit as the next version; returns its name."""
        from gto.api import register

        number = max((_number(name) for name in self.versions()), default=0) + 1
        name, mail = AUTHOR
        register(self._url, NAME, "HEAD", version=f"v{number}.0.0", message=message, author=name, author_email=mail)
        return f"v{number}.0.0"

    def put_in_production(self, version: str, why: str) -> None:
        """Tag `version` as the one in production, for the reason `why`; nothing happens where it is already."""
        from gto.api import assign

        if self.production() != version:
            name, mail = AUTHOR
            assign(  # by force, for it may have been there before
                self._url, NAME, STAGE, version=version, message=why, force=True, author=name, author_email=mail
            )

    def fetch(self, version: str, name: str, target: Path) -> None:
        """Bring the data folder `name` of `version` to `target`, from DVC's cache or remote. Raises UserError."""
        from dvc.repo import Repo

        try:
            with quiet_dvc():
                Repo.get(self._url, name, out=str(target), rev=f"{NAME}@{version}", force=True)
        except Exception as error:  # each store has errors of its own
            with self.opened() as repo:
                place = _remote(repo)
            raise UserError(
                f"The {name} of {version} is not in the cache of {self.root}, nor does its remote {place} give it "
                f"({why_no_answer(error)}): bring the remote back."
            ) from error

    def commit(self, subject: str) -> None:
        """Commit all that changed in the repository's small files; nothing where nothing did."""
        git(self.root, "add", "--all")
        if not self._head() or git(self.root, "status", "--porcelain"):
            git(self.root, "commit", "--quiet", "--allow-empty", "-m", subject)

    @property
    def _url(self) -> str:
        return str(self.root.resolve())

    def _tags(self) -> list[str]:
        return git(self.root, "tag", "--list").splitlines() if self.exists else []

    def _head(self) -> str:
        return git(self.root, "rev-parse", "--quiet", "--verify", "HEAD", check=False)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The repository opened by DVC; a lock file of its own that it cannot read any more is removed."""
        from dvc.repo import Repo

        locks = self.root / ".dvc" / "tmp" / "rwlock"
        if locks.is_file():
            try:
                json.loads(locks.read_text(encoding="utf-8"))
            except ValueError:
                log.warning("%s is broken and was removed", locks)
                locks.unlink()
        with quiet_dvc(), Repo(self._url) as repo:
            yield repo


def _remote(repo: Any) -> str:
    """Where DVC's remote lies: the address that does not answer where it does not."""
    chosen = repo.config["remote"].get(repo.config["core"].get("remote"), {})
    return str(chosen.get("endpointurl") or chosen.get("url") or "a remote without an address")


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """What git says in `folder`. Raises UserError where it fails, with its own words."""
    name, mail = AUTHOR
    command = ["git", "-c", f"user.name={name}", "-c", f"user.email={mail}", "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise UserError(f"git {arguments[0]} failed in {folder} ({done.stderr.strip()}): mend what it names.")
    return done.stdout.strip()


def _number(version: str) -> int:
    return int(version[1:].partition(".")[0])
