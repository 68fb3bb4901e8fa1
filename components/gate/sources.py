"""Where the inputs of a decision lie in the object store, so that a run can be brought home."""

from pathlib import Path
from typing import Any

from model.artefacts import write_json

SOURCES = "sources.json"


def note_sources(decision: Any, **inputs: Any) -> None:
    """Write beside a decision that a cluster made where each of its `inputs` lies.

    All are artefacts of kfp. A step that was taken from the cluster's cache left its output with another run, so the
    places cannot be told from the run. On one machine nothing is written.
    """
    if "://" in decision.uri:
        write_json(Path(decision.path) / SOURCES, {name: artefact.uri for name, artefact in inputs.items()})
