"""The record of a version: where its photos come from, what was made of them, how it scored and who let it through."""

from collections import Counter
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from model.artefacts import file_digest, folder_digest, read_json
from model.errors import UserError
from pipelines.code import code_commit


def version_record(run: Path) -> dict[str, Any]:
    """What the run folder's artefacts say of themselves. Raises UserError where they are not what was decided on."""
    from components.tombstones import name_digest

    if not (run / "decision" / "decision.json").is_file():
        raise UserError(f"The run {run.name} came to no decision: name one that did, `withanyone runs` lists them.")
    found, decided = decided_on(run, run.name), read_json(run / "decision" / "decision.json")
    ran, training, scores = (
        read_json(run / name) for name in ("run.json", "model/training.json", "scores/scores.json")
    )
    return {
        "schema": 1,
        **found,
        "decision": file_digest(run / "decision" / "decision.json"),
        "run": run.name,
        "ran": ran["started"],
        "code": {"version": version("withanyone"), "commit": ran["commit"] if "commit" in ran else code_commit()},
        "photos": _photos(run / "dataset"),
        "people": sorted(name_digest(str(person)) for person in training["identities"]),
        "judge": scores["judge"],
        "figures": scores["systems"]["model"][scores["judge"]],
        **{key: decided[key] for key in ("verdict", "reason", "intended_use", "champion")},
    }


def decided_on(folder: Path, run: str) -> dict[str, str]:
    """Digests of the inputs of the decision in `folder`, computed from their bytes, shards included.

    Raises UserError, naming the run `run`, where one is not what the decision names.
    """
    from model.dataset.dataset import Dataset

    decided = read_json(folder / "decision" / "decision.json")
    found = {
        "dataset": Dataset.open(folder / "dataset").digest,
        "validation": folder_digest(folder / "validation"),
        "model": folder_digest(folder / "model"),
        "scores": folder_digest(folder / "scores"),
    }
    for name, digest in found.items():
        if decided["inputs"].get(name) != digest:
            raise UserError(f"The {name} of the run {run} is not the one that was decided on: run again.")
    _check_shards(folder / "dataset")
    return found


def _photos(dataset: Path) -> dict[str, Any]:
    """How many photos there are of each source, licence and consent."""
    from model.dataset.records import read_table
    from model.dataset.rights import RIGHTS

    table = read_table(dataset, "images")
    counts = {name: dict(sorted(Counter(table[name].to_pylist()).items())) for name in RIGHTS}
    return {"count": table.num_rows, **counts}


def _check_shards(dataset: Path) -> None:
    for shard in read_json(dataset / "manifest.json")["shards"]:
        file = dataset / shard["name"]
        if not file.is_file() or file_digest(file) != shard["sha256"]:
            raise UserError(f"The shard {file} is missing or not what its manifest names: run again.")


def age_in_days(moment: str, now: datetime) -> float:
    """Days from `moment`, ISO 8601 with a zone, to `now`. Raises UserError where it is no such moment."""
    try:
        return (now - datetime.fromisoformat(moment)).total_seconds() / 86_400
    except (ValueError, TypeError) as error:
        raise UserError(f"{moment!r} is no moment: give it as 2026-11-24T20:00:00+00:00.") from error
