"""What the artefacts of a decision say of themselves, as lines for a reader; what cannot be read has no line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model.artefacts import read_json
from model.words import counted
from validation.gate.evidence import UNREADABLE, Inputs

Facts = dict[str, str]
GIB = 2**30


def facts(inputs: Inputs) -> dict[str, Facts]:
    """`{"scores" or "versions": {label: words}}`."""
    return {
        "scores": _of(inputs.scores / "scores.json", _scores) | _of(inputs.scores / "costs.json", _costs),
        "versions": _of(inputs.dataset / "manifest.json", _dataset) | _of(inputs.model / "training.json", _training),
    }


def _of(file: Path, read: Callable[[Mapping[str, Any]], Facts]) -> Facts:
    try:
        return read(read_json(file))
    except UNREADABLE:
        return {}


def _scores(scores: Mapping[str, Any]) -> Facts:
    judges = (
        f"{name} ({'was' if standing['in_loss'] else 'was not'} in the training loss)"
        for name, standing in sorted(scores["judges"].items())
    )
    return {
        "Seeds": f"{', '.join(map(str, scores['seeds']))}, mixed with the case's name; the same for all systems",
        "Steps": str(scores["steps"] or "the preset's"),
        "Protocol": str(scores["protocol"]),
        "Judges": f"{', '.join(judges)}; {scores['judge']} decides",
    }


def _costs(costs: Mapping[str, Any]) -> Facts:
    words = f"{costs['seconds_per_picture']:.2g} s a picture on {costs['device']}"
    return {"Costs": f"{words}, at most {costs['peak_memory_bytes'] / GIB:.2g} GiB of memory"}


def _dataset(manifest: Mapping[str, Any]) -> Facts:
    counts = manifest["counts"]
    words = {"images": "picture", "faces": "face", "identities": "person"}
    return {"In the dataset": ", ".join(counted(counts[name], word) for name, word in words.items())}


def _training(training: Mapping[str, Any]) -> Facts:
    code, preset = training.get("code", "of an unknown version"), training.get("preset") or "unknown"
    return {"Trained by": f"withanyone {code}, preset {preset}"}
