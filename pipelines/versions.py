"""The versions of a dataset folder: what DVC tracked at each commit, read in-process from git and the local cache."""

import filecmp
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from model.errors import UserError
from pipelines.version_contents import FILES, Contents, read_contents

LIBRARIES = ("dvc", "dvc_data", "dvc_objects", "scmrepo")


@dataclass(frozen=True)
class Tracked:
    """What DVC says of the folder at one revision. What it does not say is None."""

    md5: str | None = None
    size: int | None = None  # bytes
    files: int | None = None
    objects: Mapping[str, Path] | None = None  # where those of `FILES` that it lists would lie in the local cache


@dataclass(frozen=True)
class Version:
    """A state of the dataset folder. What is not known is None."""

    revision: str | None  # of the commit that brought it; None: the working tree
    tracked: Tracked
    date: datetime | None = None
    author: str | None = None
    subject: str | None = None
    tags: tuple[str, ...] = ()  # of all commits that hold this version
    contents: Contents | None = None
    problem: str | None = None  # why there are no contents although their files are there


class History:
    """The dataset folder of a repository that uses DVC, along the first parents of HEAD."""

    def __init__(self, repo: Any, folder: Path) -> None:
        self._repo = repo  # a dvc.repo.Repo
        self._git = repo.scm.pygit2.repo
        self.root = Path(repo.root_dir)
        self.folder = folder
        self.name = folder.relative_to(self.root).as_posix()
        self.fetch = f"dvc fetch --all-commits {self.name}/{{{','.join(FILES)}}}"

    def tracked(self) -> bool:
        """Whether DVC tracks the folder now, be there a version of it or not."""
        return self._out() is not None

    def versions(self) -> Iterator[Version]:
        """All versions, newest first: the working tree where it differs from HEAD, then what the commits brought."""
        states = list(self._states())
        working = self._working(states[0][1] if states else Tracked())
        if working:
            yield working
        for version in _grouped(states, self._tags()):
            yield _with_contents(version, version.tracked.objects)

    def _working(self, head: Tracked) -> Version | None:
        """The working tree; None where it is what HEAD has, or not there.

        The manifest and the tables are compared: the manifest names the digest of every shard.
        """
        out = self._out()
        tracked = _tracked(out) if out is not None else Tracked()
        here = {name: self.folder / name for name in FILES}
        if not here[FILES[0]].is_file() or _same(here, tracked.objects):
            # What is not checked out, or as dvc.lock has it, is news only where dvc.lock is.
            changed = tracked.md5 not in (None, head.md5)
            return _with_contents(Version(None, tracked), tracked.objects) if changed else None
        return _with_contents(Version(None, Tracked()), here)

    def _states(self) -> Iterator[tuple[Any, Tracked]]:
        """Each commit, newest first, with what DVC says of the folder; DVC is asked where one of its files differs."""
        if self._git.head_is_unborn:
            return
        watched = self._stage_files()
        known: dict[tuple[Any, ...], Tracked | None] = {}
        walker = self._git.walk(self._git.head.target)
        walker.simplify_first_parent()
        for commit in walker:
            key = tuple(commit.tree[path].id if path in commit.tree else None for path in watched)
            if key not in known:
                known[key] = self._at(str(commit.id))
            tracked = known[key]
            if tracked is not None:
                yield commit, tracked

    def _stage_files(self) -> list[str]:
        """Files, relative to the git root, that can say which version a commit has: at the folder and above it."""
        above = [parent for parent in self.folder.parents if parent.is_relative_to(self.root)]
        files = [parent / name for parent in above for name in ("dvc.yaml", "dvc.lock")]
        files.append(self.folder.with_name(f"{self.folder.name}.dvc"))
        out = self._out()
        if out is not None:  # a stage may write outside its own folder
            stage = Path(out.stage.path)
            files += [stage, stage.with_suffix(".lock")]
        top = Path(self._repo.scm.root_dir).resolve()
        return sorted({file.relative_to(top).as_posix() for file in files})

    def _at(self, revision: str) -> Tracked | None:
        """What DVC says of the folder at a commit; None where it cannot read its own files of that commit."""
        from dvc.exceptions import DvcException
        from dvc.repo.brancher import switch

        try:
            with switch(self._repo, revision):
                out = self._out()
                return _tracked(out) if out is not None else Tracked()
        except DvcException:  # a broken dvc.yaml of long ago does not end the history
            return None

    def _out(self) -> Any:
        """The folder's dvc.output.Output at the revision that the repository is switched to, or None."""
        path = self._repo.fs.join(self._repo.root_dir, *Path(self.name).parts)
        return next((out for out in self._repo.index.outs if out.fs_path == path), None)

    def _tags(self) -> dict[str, list[str]]:
        """Names of tags by what they point at."""
        found: dict[str, list[str]] = {}
        for reference in self._git.references.iterator():
            if reference.name.startswith("refs/tags/"):
                target = str(reference.resolve().peel().id)
                found.setdefault(target, []).append(reference.shorthand)
        return found


@contextmanager
def open_history(folder: Path, dataset: Path) -> Iterator[History]:
    """Open the history of `dataset` (relative to `folder`) in the repository around `folder`.

    Raises `UserError` where there is no git repository, no DVC in it, or the dataset lies outside.
    """
    try:
        from dvc.exceptions import DvcException, NotDvcRepoError
        from dvc.repo import Repo
        from dvc.scm import SCM, SCMError
    except ImportError as error:
        raise UserError(
            "Versions of datasets need DVC, which is not installed: install withanyone[versioning]."
        ) from error
    folder = folder.resolve()
    path = (folder / dataset).resolve()
    with quiet_dvc():
        try:
            git = SCM(str(folder))
            root = Path(Repo.find_root(str(folder)))
            if not root.is_relative_to(Path(git.root_dir).resolve()):
                raise NotDvcRepoError
            if not path.is_relative_to(root) or path == root:
                raise UserError(f"{path} is not inside the repository {root}: name a folder in it with --dataset.")
            repo = Repo(str(root), scm=git)
        except SCMError as error:
            raise UserError(f"{folder} is in no git repository: name one with --repo, or run `git init`.") from error
        except NotDvcRepoError as error:
            raise UserError(
                f"The git repository at {folder} has no DVC: run `dvc init`, then `dvc add {dataset}`."
            ) from error
        try:
            yield History(repo, path)
        except DvcException as error:
            raise UserError(f"DVC cannot read the repository {root} ({error}): mend what it names.") from error
        finally:
            repo.close()


@contextmanager
def quiet_dvc() -> Iterator[None]:
    """Keep DVC's own remarks from the user's terminal."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _tracked(out: Any) -> Tracked:
    """What an output says; the list of its files is an object of the local cache, which may be absent."""
    listing = out.get_obj() if out.hash_info and out.hash_info.isdir else None
    if listing is None:
        return Tracked(out.hash_info.value, out.meta.size, out.meta.nfiles)
    digests = {"/".join(key): digest.value for key, _, digest in listing}
    objects = {name: Path(out.cache.oid_to_path(digests[name])) for name in FILES if name in digests}
    return Tracked(out.hash_info.value, out.meta.size, out.meta.nfiles, objects)


def _grouped(states: list[tuple[Any, Tracked]], tags: Mapping[str, list[str]]) -> Iterator[Version]:
    """One version for neighbouring commits that hold the same folder, described by the oldest, with the tags of all."""
    version: Version | None = None
    for commit, tracked in states:
        if version and version.tracked.md5 != tracked.md5:
            yield version
            version = None
        if tracked.md5:
            names = {*(version.tags if version else ()), *tags.get(str(commit.id), ())}
            version = replace(_described(commit, tracked), tags=tuple(sorted(names)))
    if version:
        yield version


def _described(commit: Any, tracked: Tracked) -> Version:
    author = commit.author
    zone = timezone(timedelta(minutes=author.offset))
    date = datetime.fromtimestamp(author.time, UTC).astimezone(zone)
    return Version(str(commit.id), tracked, date, author.name, commit.message.partition("\n")[0])


def _with_contents(version: Version, files: Mapping[str, Path] | None) -> Version:
    """The version with its contents where `files` are there, or with why they are none."""
    if files is None:
        return version
    missing = [name for name in FILES if name not in files]
    if missing:
        return replace(version, problem=f"it has no {missing[0]}")
    try:
        return replace(version, contents=read_contents(files))
    except FileNotFoundError:
        return version
    except ValueError as error:
        return replace(version, problem=str(error))


def _same(these: Mapping[str, Path], those: Mapping[str, Path] | None) -> bool:
    """Whether all `FILES` are in both places with the same bytes."""
    try:
        return those is not None and all(filecmp.cmp(these[name], those[name], shallow=False) for name in FILES)
    except (KeyError, FileNotFoundError):
        return False
