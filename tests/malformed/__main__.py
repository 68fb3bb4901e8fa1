"""Writes the malformed files: python -m tests.malformed OUT."""

import sys
from pathlib import Path

from tests.malformed import corpus


def main(out: Path) -> None:
    """One folder a kind."""
    for kind, files in corpus(out / "was run").items():
        (out / kind).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (out / kind / f"{name}.{'jpg' if kind == 'image' else kind}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
