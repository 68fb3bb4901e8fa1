"""Gives a build what pip knows on this machine, and the same for uv: arguments for `podman build`, none of it copied.

    python3 components/pip_settings.py FOLDER

Writes pip's settings, those of its environment variables too, to FOLDER/pip.conf and FOLDER/uv.toml and prints the
volumes that show them, and the files and folders which they name, to the build. Nothing is printed where pip has none.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlparse

PIP, UV = "/etc/pip.conf", "/etc/uv/uv.toml"


def settings() -> dict[str, str]:
    """Pip's settings here by option, whatever their source."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    pairs = (line.partition("=") for line in done.stdout.splitlines() if "=" in line)
    return {name.rpartition(".")[2]: str(ast.literal_eval(value)) for name, _, value in pairs}


def places(known: Mapping[str, str]) -> Iterator[Path]:
    """Files and folders of this machine that the settings name; an index with the folder in which its files lie too."""
    for name, value in known.items():
        for word in value.split():
            path = Path(urlparse(word).path if word.startswith("file://") else word)
            if path.is_absolute() and path.exists():
                yield path.parent if name.endswith("index-url") else path


def volumes(folder: Path) -> list[str]:
    """The volumes, after the two files were written into `folder`."""
    known = settings()
    if not known:
        return []
    lines = [f"{name} = {' '.join(value.split())}" for name, value in sorted(known.items())]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    (folder / "uv.toml").write_text(for_uv(known), encoding="utf-8")
    shown = {f"{path}:{path}:ro" for path in _outermost(set(places(known)))}
    return [f"{folder}/pip.conf:{PIP}:ro", f"{folder}/uv.toml:{UV}:ro", *sorted(shown)]


def for_uv(known: Mapping[str, str]) -> str:
    """Uv's settings file that means what these settings mean to pip: which indexes there are, none before another."""
    lines = ["system-certs = true", "[pip]", 'index-strategy = "unsafe-best-match"']
    if "index-url" in known:
        lines.append(f"index-url = {json.dumps(known['index-url'])}")
    lists = [name for name in ("extra-index-url", "find-links") if name in known]
    lines += [f"{name} = {json.dumps(known[name].split())}" for name in lists]
    return "\n".join([*lines, ""])


def _outermost(paths: set[Path]) -> set[Path]:
    return {path for path in paths if not any(parent in paths for parent in path.parents)}


if __name__ == "__main__":
    sys.stdout.write(" ".join(f"--volume {volume}" for volume in volumes(Path(sys.argv[1]))) + "\n")
