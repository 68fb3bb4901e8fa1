"""The gate step: from scores and provenance to a decision that can be replayed byte for byte."""

import logging
from pathlib import Path

from components.gate.config import GateConfig, named
from components.gate.deletion import no_open_request
from model.artefacts import new_folder, write_json
from validation.gate.decision import decide
from validation.gate.evidence import Inputs
from validation.report.reviewer_page import reviewer_page

log = logging.getLogger(__name__)


def run(*, dataset: Path, validation: Path, model: Path, scores: Path, decision: Path, config: GateConfig) -> None:
    """Write `decision.json` and the reviewer's page; broken evidence is a decision too: `reject`."""
    others = named(config.champion), config.tombstones(), named(config.shadow)
    inputs = Inputs(dataset, validation, model, scores, *others)
    found = decide(inputs, config.limits(), [no_open_request(inputs.forgotten)])
    with new_folder(decision) as draft:
        write_json(draft / "decision.json", found)
        (draft / "report.html").write_text(reviewer_page(found, inputs), encoding="utf-8")
    log.info("%s: %s", found["verdict"], found["reason"])
