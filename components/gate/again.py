"""Coming back to a decision: replaying it from the artefacts beside it, and overriding its verdict."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.gate.config import GateConfig, named
from components.gate.deletion import no_open_request
from model.artefacts import UnreadableError, folder_digest, new_folder, read_json, write_json
from model.errors import UserError
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.gate.override import Override, override
from validation.gate.replay import replay
from validation.report.reviewer_page import with_overrides

FILE, PAGE = "decision.json", "report.html"
PARTS = {"verdict", "by_rules", "overrides", "thresholds", "inputs"}
FURTHER = {"forgotten": "a list of people to be forgotten", "shadow": "the report of a trial in the service's shadow"}
ARTEFACTS = ("dataset", "validation", "model", "scores")


@dataclass(frozen=True)
class Replayed:
    """The verdict that a decision states, and what differs when it is made again."""

    verdict: str
    changes: list[str]


def replay_decision(
    folder: Path, given: Mapping[str, Path | None], champion: str, forgotten: str, shadow: str = ""
) -> Replayed:
    """Make the decision in `folder` again, from the folders `given` or else those beside it, by their names.

    The champion's scores are `champion`, or those with the stated digest in a run beside this one; `forgotten` is the
    file of people to be forgotten, `shadow` the report of a trial. Raises UserError where something is not to be found.
    """
    stated = _read(folder)
    paths = {name: given.get(name) or folder.resolve().parent / name for name in ARTEFACTS}
    for name, path in paths.items():
        if not path.is_dir():
            raise UserError(f"{path} is no folder: name the {name} that the decision was made from with --{name}")
    wanted = stated["inputs"].get("champion_scores")
    reigning = named(champion) or (_champion(folder, wanted) if wanted else None)
    for name, file in (("forgotten", forgotten), ("shadow", shadow)):
        if name in stated["inputs"] and not file:
            raise UserError(f"the decision was made with {FURTHER[name]}: name it, --set gate.{name}=FILE")
    listed = GateConfig(forgotten=forgotten).tombstones()
    inputs = Inputs(**paths, champion=reigning, forgotten=listed, shadow=named(shadow))
    rules = [no_open_request(listed)]
    return Replayed(str(stated["verdict"]), replay(stated, lambda limits: decide(inputs, limits, rules)))


def override_decision(folder: Path, verdict: str, by: str, reason: str) -> dict[str, Any]:
    """Override the verdict of the decision in `folder`, in its file and on its page; returns the new decision."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = override(_read(folder), Override(verdict, by, reason, at))
    page = folder / PAGE
    html = with_overrides(page.read_text(encoding="utf-8"), found) if page.is_file() else None
    with new_folder(folder) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)  # a cluster's decision says beside it where its inputs lie
        write_json(draft / FILE, found)
        if html is not None:
            (draft / PAGE).write_text(html, encoding="utf-8")
    return found


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / FILE)
    except UnreadableError as error:
        raise UserError(f"{folder} holds no decision.json that can be read: name the folder of a decision") from error
    if found.get("schema") != 2 or not found.keys() >= PARTS:
        raise UserError(f"{folder / FILE} is no decision of schema 2, which this version reads: decide again")
    return found


def _champion(folder: Path, digest: str) -> Path:
    """The scores with `digest` in a run beside the one that `folder` is in."""
    for scores in sorted(folder.resolve().parent.parent.glob("*/scores")):
        if folder_digest(scores) == digest:
            return scores
    raise UserError(
        f"the champion's scores {digest[:12]} are in no run beside {folder}: name them with --set gate.champion=DIR"
    )
