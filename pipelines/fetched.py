"""A cluster's run read from the root of its artefacts: its decision, or all of it as a run folder of this machine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from components.gate.sources import SOURCES
from components.shell import sentence_of
from components.steps import GATE
from model.artefacts import kept_folder, read_json, write_json
from model.errors import UserError
from model.network import why_no_answer
from pipelines.cluster import FILE, Cluster
from pipelines.compiled import PIPELINE
from pipelines.provenance import decided_on
from pipelines.runs import Runs
from pipelines.settings import SettingsError


def artefacts_of(cluster: Cluster) -> str:
    """The root of all artefacts; raises SettingsError where the cluster's settings leave it to the server."""
    if not cluster.artefacts:
        raise SettingsError(
            f"{FILE} has no artefacts, so the decision could not be found: name the root, such as s3://bucket/withanyone."
        )
    return cluster.artefacts.rstrip("/")


def read_decision(cluster: Cluster, run: str) -> dict[str, Any]:
    """The decision file of a run, from the root of all artefacts; never from what an orchestrator remembers.

    Raises UserError where there is none, and when the store cannot be read.
    """
    with _store(cluster) as files:
        return dict(json.loads(files.cat_file(f"{_decision(files, cluster, run)}/decision.json")))


def fetch_run(cluster: Cluster, record: Mapping[str, Any], runs: Runs) -> Path:
    """Bring the decided run `record` (as pipelines.submit.follow gives it) home as a run folder of `runs`.

    A rejected run brings its decision alone, any other all that a promotion needs. The folder appears whole, and one
    that is there is left as it is. Raises UserError where something is missing or not what was decided on.
    """
    run, rejected = str(record["run"]), record["verdict"] == "reject"
    folder = runs.folder / f"{datetime.fromisoformat(record['started']):%Y%m%d-%H%M%S}-{run[:8]}"
    if not folder.exists():
        _bring(cluster, record, folder, [] if rejected else GATE.inputs)
    if not rejected:
        runs.arrived(folder)
    return folder


def _bring(cluster: Cluster, record: Mapping[str, Any], folder: Path, names: Sequence[str]) -> None:
    """The run folder with the decision and those of its inputs that `names` names."""
    run = str(record["run"])
    with _store(cluster) as files, kept_folder(folder) as draft:
        _get(files, _decision(files, cluster, run), draft / GATE.output)
        places = _sources(draft / GATE.output, cluster, run) if names else {}
        for name in names:
            _get(files, places[name], draft / name)
        if names:
            decided_on(draft, folder.name)
        facts = {name: record[name] for name in ("started", "finished", "seconds", "verdict")}
        where = {"commit": None, "cluster": {"run": run, "link": record["link"]}}
        write_json(draft / "run.json", {"schema": 1, "id": folder.name, "status": "done", **facts, **where})


def _sources(decision: Path, cluster: Cluster, run: str) -> dict[str, str]:
    """Where the decision's inputs lie, by name."""
    root = f"{artefacts_of(cluster)}/"
    try:
        found = {name: str(read_json(decision / SOURCES)[name]) for name in GATE.inputs}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"The decision of the run {run} does not say where its inputs lie ({SOURCES}): "
            "run again with the images of this release."
        ) from None
    for name, place in found.items():
        if not place.startswith(root) or ".." in place:
            raise UserError(f"The {name} of the run {run} lies at {place}, not below {root}: see artefacts in {FILE}.")
    return found


def _decision(files: Any, cluster: Cluster, run: str) -> str:
    """The folder of the run's one decision."""
    where = f"{artefacts_of(cluster)}/{PIPELINE}/{run}/{GATE.name}"
    found = [path for path in files.find(where) if path.endswith(f"/{GATE.output}/decision.json")]
    if len(found) != 1:
        raise UserError(
            f"The run {run} has {len(found)} decisions below {where}, not one: see whether the root is right."
        )
    return str(found[0]).removesuffix("/decision.json")


def _get(files: Any, place: str, target: Path) -> None:
    files.get(f"{place}/", f"{target}/", recursive=True)


@contextmanager
def _store(cluster: Cluster) -> Iterator[Any]:
    """The file system of the artefacts; what goes wrong with it in the block is a UserError."""
    import fsspec

    root = artefacts_of(cluster)
    options = {"endpoint_url": cluster.endpoint} if cluster.endpoint and root.startswith("s3:") else {}
    try:
        yield fsspec.core.url_to_fs(root, **options)[0]
    except Exception as error:  # each store has errors of its own
        if sentence_of(error):
            raise
        place = f"{root} at {cluster.endpoint}" if options else root
        why = why_no_answer(error)
        raise UserError(f"The artefacts {place} cannot be read ({why}): check {FILE} and the credentials.") from error
