"""Gives a build what pip knows on this machine, without a trace in the image: arguments for `podman build`.

    python3 components/pip_settings.py FOLDER

Writes pip's settings, those of its environment variables too, to FOLDER/pip.conf and prints the volumes that show that
file, and the files and folders which it names, to the build. Nothing is printed where pip has no settings.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlparse

PLACE = "/etc/pip.conf"


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
    """The arguments, after pip.conf was written into `folder`."""
    known = settings()
    if not known:
        return []
    file = folder / "pip.conf"
    lines = [f"{name} = {' '.join(value.split())}" for name, value in sorted(known.items())]
    file.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    shown = {f"{path}:{path}:ro" for path in _outermost(set(places(known)))}
    return [word for volume in (f"{file}:{PLACE}:ro", *sorted(shown)) for word in ("--volume", volume)]


def _outermost(paths: set[Path]) -> set[Path]:
    return {path for path in paths if not any(parent in paths for parent in path.parents)}


if __name__ == "__main__":
    sys.stdout.write(" ".join(volumes(Path(sys.argv[1]))) + "\n")
