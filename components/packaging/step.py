"""The package step: from a promoted model to a Bento that was started and answered well."""

import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from components.packaging.build import build
from components.packaging.bundle import write_bundle, write_sources
from components.packaging.card import write_readme
from components.packaging.config import PackagingConfig
from components.packaging.lineage import Lineage
from components.packaging.loading import load_look
from components.packaging.pictures import read_bytes
from components.packaging.presets import served_preset
from components.packaging.proof import prove
from components.packaging.selftest import SelfTest
from model.artefacts import new_folder, read_json, write_json
from model.device import check_device
from model.errors import UserError
from model.presets import frozen_digest, load_faces
from model.sampler import Sampler

MIXED = 12  # references that the self-test's identity is mixed from

log = logging.getLogger(__name__)


def run(*, model: Path, scores: Path, decision: Path, bento: Path, config: PackagingConfig) -> None:
    """Write a Bento folder with `proof.json`, or only `skipped.json` when the model was not promoted.

    Raises UserError when model, scores, decision and base do not belong together, the model is of a kind that the
    service does not serve, or the built service fails its checks.
    """
    verdict = read_json(decision / "decision.json", "verdict", "inputs", "intended_use")["verdict"]
    if verdict != "promote" and not config.anyway:
        reason = f"the verdict is '{verdict}'; only a promoted model is packaged, or any with package.anyway=true"
        with new_folder(bento) as draft:
            write_json(draft / "skipped.json", {"schema": 1, "reason": reason})
        log.info("not packaged: %s", reason)
        return
    check_device(config.device)
    lineage = Lineage.of(model=model, scores=scores, decision=decision)
    judged = read_json(scores / "scores.json", "model")["model"].get("base")
    if judged not in (None, frozen_digest(served_preset(model))):
        raise UserError("the scores are of pictures drawn with another base than the one here; evaluate again")
    references = sorted((scores / "images").glob("*/reference-*.jpg"))
    if not references:
        raise UserError(f"{scores / 'images'} holds no reference to prove the service with; evaluate again")
    with new_folder(bento) as draft:
        start = time.monotonic()
        self_test = _self_test(model, references, config.device)
        _build_into(draft, self_test, model=model, scores=scores, decision=decision, lineage=lineage)
        seconds = time.monotonic() - start
        log.info("built in %.1f s; starting it to prove it", seconds)
        proof = prove(draft, [file.read_bytes() for file in references], lineage, config.ready_seconds, config.device)
        write_json(draft / "proof.json", {**proof, "build_seconds": round(seconds, 2)})
    log.info("ready in %.1f s, a picture in %.2f s", proof["ready_seconds"], proof["generate_seconds"])


def _self_test(model: Path, references: Sequence[Path], device: str) -> SelfTest:
    """The self-test of the model, whose identity is mixed from the references' faces."""
    pipeline = Sampler.load(model, device)
    analyser = load_faces(pipeline.preset, device)
    seen = [analyser.analyse([read_bytes(file.read_bytes(), file.name)])[0] for file in references[:MIXED]]
    look = load_look(served_preset(model), device)
    known = [faces[0].embedding for faces in seen if faces]
    measured = SelfTest.measure(pipeline, analyser, known, look, edits=pipeline.preset.edits)
    log.info("the self-test's face has similarity %s", measured.similarity)
    return measured


def _build_into(
    draft: Path, self_test: SelfTest, *, model: Path, scores: Path, decision: Path, lineage: Lineage
) -> None:
    """Gather sources and bundle, build, and copy the Bento out of the store that it was built in."""
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch, "context")
        write_sources(context)
        folders = {"model": model, "scores": scores, "decision": decision}
        write_bundle(context / "bundle", **folders, lineage=lineage, self_test=self_test)
        write_readme(context / "README.md", model / "card.md", lineage, served_preset(model))
        shutil.copytree(build(context, Path(scratch, "home"), lineage), draft, dirs_exist_ok=True)
