"""The gate step: from scores and provenance to a decision that can be replayed byte for byte."""

import logging
import os
from pathlib import Path

from components.gate.config import GateConfig
from model.artefacts import new_folder, write_json
from validation.gate.decision import decide
from validation.gate.thresholds import Thresholds
from validation.report.decision_page import decision_page

log = logging.getLogger(__name__)


def run(*, dataset: Path, validation: Path, model: Path, scores: Path, decision: Path, config: GateConfig) -> None:
    """Write `decision.json` and, for a reader, `decision.html`; broken evidence is a decision too: `reject`."""
    limits = Thresholds.model_validate(config.model_dump(exclude={"champion"}))
    champion = Path(config.champion) if config.champion else None
    found = decide(dataset=dataset, validation=validation, model=model, scores=scores, champion=champion, limits=limits)
    page = os.path.relpath(scores / "report.html", decision)
    with new_folder(decision) as draft:
        write_json(draft / "decision.json", found)
        (draft / "decision.html").write_text(decision_page(found, page), encoding="utf-8")
    log.info("%s: %s", found["verdict"], found["reason"])
