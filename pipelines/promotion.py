"""Promotion: a decided run becomes a version of the registry, once, and never without its decision and an approval."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.artefacts import new_folder, write_json
from model.errors import UserError
from pipelines.provenance import age_in_days, version_record
from pipelines.registry import DATA, Registry
from pipelines.runs import Runs

APPROVAL_DAYS = 7  # after which an approval has to be given again
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Approval:
    """Who lets a run through: `decision` is the digest of what was shown, `override` why a verdict is passed over."""

    by: str
    at: str | None = None  # ISO 8601; None: now
    decision: str | None = None
    override: str | None = None


def promote(runs: Runs, name: str, registry: Registry, approval: Approval) -> dict[str, Any]:
    """Register the run `name`, push its data and put it in production; a second call changes nothing.

    Returns the version's record with `version` and `new`. Raises UserError where the run may not be promoted.
    """
    run = runs.find(name)
    record = version_record(run)
    with registry.only_user():
        known = {
            version: old
            for version, old in registry.versions().items()
            if (old["decision"], old["model"]) == (record["decision"], record["model"])
        }
        if known:
            version, record = next(iter(known.items()))
            registry.push(version)
            _finish(runs, registry, version, run)
            return {"version": version, "new": False, **record}
        _check(record, registry, approval)
        registry.create()
        record["approval"] = {
            "by": approval.by,
            "at": approval.at or datetime.now(UTC).isoformat(timespec="seconds"),
            "override": approval.override,
        }
        registry.hold({part: run / part for part in DATA}, record, f"Promote the run {run.name}")
        version = registry.register(f"{record['verdict']}, approved by {approval.by}")
        log.info("%s registered and pushed", version)
        _finish(runs, registry, version, run)
    return {"version": version, "new": True, **record}


def _check(record: dict[str, Any], registry: Registry, approval: Approval) -> None:
    verdict, run = record["verdict"], record["run"]
    if verdict != "promote" and not approval.override:
        raise UserError(
            f"The run {run} was decided {verdict!r} ({record['reason']}): only 'promote' is promoted, or any with "
            "--override and the reason for it."
        )
    if approval.decision not in (None, record["decision"]):
        raise UserError(f"The approval is of another decision than the run {run} has now: have this one approved.")
    if approval.at and age_in_days(approval.at, datetime.now(UTC)) > APPROVAL_DAYS:
        raise UserError(
            f"The approval of the run {run} is of {approval.at}, and expires after {APPROVAL_DAYS} days: ask again."
        )
    champion = registry.production()
    if champion and record["champion"] != registry.find(champion)["model"]:
        raise UserError(
            f"The decision of the run {run} does not compare with the present champion {champion}: run again, on a "
            "cluster with evaluate.champion set to its run on a volume."
        )


def _finish(runs: Runs, registry: Registry, version: str, run: Path) -> None:
    """Put a registered version in production, unless it was there before and somebody took it back."""
    if version not in {turn["version"] for turn in registry.history()}:
        runs.crown(run.name)
        registry.put_in_production(version, f"promoted from the run {run.name}")


def put_back(runs: Runs, registry: Registry, version: str, why: str) -> None:
    """Make the registered `version` the champion again; the tag comes last, so that a stopped call can be repeated."""
    record = registry.find(version)
    scores = runs.folder / record["run"] / "scores" / "scores.json"
    if not scores.is_file():
        _bring_run_back(runs, registry, record)
    runs.crown(record["run"])
    registry.put_in_production(record["version"], why)


def _bring_run_back(runs: Runs, registry: Registry, record: dict[str, Any]) -> None:
    """A run whose folder is gone: what the registry has of it, which later runs are compared with."""
    with new_folder(runs.folder / record["run"]) as draft:
        for name in DATA:
            registry.fetch(record["version"], name, draft / name)
        facts = {"status": "done", "verdict": record["verdict"], "restored": record["version"]}
        write_json(draft / "run.json", {"schema": 1, "id": record["run"], "started": record["ran"], **facts})
