"""What a step's result depends on beside inputs and settings: code, assets, folders and files outside the run."""

import ast
import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from components.steps import Step
from model.artefacts import files_digest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("components", "validation", "model")
NO_SOURCE = (".pyc", ".md")


def step_version(step: Step, settings: BaseModel, code: str | None = None) -> str:
    """Digest of the step's code and assets, and of the folders and files outside the run that its settings name.

    `code` stands for code and assets that are not those of this tree, such as an image's.
    """
    total = hashlib.sha256((code or code_version(ROOT, step.folder)).encode())
    for field, path in step.outside(settings).items():
        total.update(f"{field}\0{listing_digest(path)}\n".encode())
    return total.hexdigest()


@cache
def code_version(root: Path, folder: str) -> str:
    """Digest of every source and asset below `root` that the step in components/<folder> can reach by its imports."""
    return files_digest(root, sorted(_reachable_files(root, root / "components" / folder)))


def listing_digest(path: Path) -> str:
    """Digest of the names, sizes and times of change of a file or of all files of a folder.

    Cheap, and changes when a file does. What is hidden, as what other programs leave among photos is, goes away
    meanwhile, or may not be looked at, does not count.
    """
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(_files(path)):
        try:
            facts = file.lstat()
        except OSError:
            continue
        total.update(repr((str(file.relative_to(path)), facts.st_size, facts.st_mtime_ns)).encode())
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _counts(name)]
        yield from (Path(place, name) for name in names if _counts(name))


def _counts(name: str) -> bool:
    return name != "__pycache__" and not name.startswith(".")


def _reachable_files(root: Path, room: Path) -> set[Path]:
    """The room, the modules it imports from our packages directly or through others, and the assets beside those."""
    found = {file for file in _files(room) if file.suffix not in NO_SOURCE}
    open_files = [file for file in found if file.suffix == ".py"]
    while open_files:
        for imported in _imports(root, open_files.pop()) - found:
            found.add(imported)
            open_files.append(imported)
    folders = {file.parent for file in found if file.parent != root / "components"}
    return found | {asset for folder in folders for asset in _assets(folder)}


def _imports(root: Path, file: Path) -> set[Path]:
    """Files of our packages that `file` imports anywhere in its text, packages' __init__ files included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    found: set[Path] = set()
    for name in names:
        parts = name.split(".")
        if parts[0] in PACKAGES:
            base = root.joinpath(*parts)
            steps = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
            found.update(p for p in (base.with_suffix(".py"), *steps) if p.is_file())
    return found


def _assets(folder: Path) -> Iterator[Path]:
    """Files in `folder` that are no Python, and whole subfolders without Python: weights, templates, locks."""
    for entry in filter(lambda entry: _counts(entry.name), folder.iterdir()):
        if entry.is_file() and entry.suffix not in (".py", *NO_SOURCE):
            yield entry
        elif entry.is_dir() and not any(entry.rglob("*.py")):
            yield from _files(entry)
